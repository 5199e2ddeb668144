// SPDX-License-Identifier: Apache-2.0

package jsonline

import (
	"slices"
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/stamp"
)

// Encoder formats the rows of one table as JSON objects, one per line. It is not safe for concurrent use.
type Encoder struct {
	head    []byte // {"family":"syscall", or {
	columns []*capture.Accessor
	keys    [][]byte // of each column: "cpu": for the first, ,"ret": for the others
	times   *stamp.Format
}

// Field is a member with the same value in every object.
type Field struct{ Name, Value string }

// NewEncoder makes an encoder for a table of c. Objects begin with the fields, then come the columns and the joined
// columns. A column with the name of a field gets the name of its table as a prefix: loss_family.
func NewEncoder(c *capture.Capture, s *format.Schema, fields ...Field) (*Encoder, error) {
	columns, err := c.Access(c.Columns(s))
	if err != nil {
		return nil, err
	}
	e := &Encoder{head: []byte{'{'}, columns: columns, times: stamp.RFC3339()}
	for _, f := range fields {
		e.head = append(AppendString(append(AppendString(e.head, f.Name), ':'), f.Value), ',')
	}
	for i, column := range e.columns {
		name := column.Name
		if slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			name = s.Table + "_" + name
		}
		key := append(AppendString(nil, name), ':')
		if i > 0 {
			key = append([]byte{','}, key...)
		}
		e.keys = append(e.keys, key)
	}
	return e, nil
}

// Columns returns the names of the columns that a batch must have.
func (e *Encoder) Columns() []string { return capture.Sources(e.columns) }

// Bind sets the batch that Append takes rows from. It must have at least the columns that Columns returns.
func (e *Encoder) Bind(b *format.Batch) {
	for _, column := range e.columns {
		column.Bind(b)
	}
}

// Append appends row i of the batch as an object and a newline.
func (e *Encoder) Append(dst []byte, i int) []byte {
	dst = append(dst, e.head...)
	for c, column := range e.columns {
		dst = append(dst, e.keys[c]...)
		v, at := column.At(i)
		dst = e.appendValue(dst, v, at)
	}
	return append(dst, '}', '\n')
}

func (e *Encoder) appendValue(dst []byte, v *format.Vector, i int) []byte {
	switch v.Type {
	case format.Int32:
		return strconv.AppendInt(dst, int64(v.I32[i]), 10)
	case format.Int64:
		return strconv.AppendInt(dst, v.I64[i], 10)
	case format.Timestamp:
		return append(e.times.Append(append(dst, '"'), v.I64[i]), '"')
	case format.String:
		return AppendString(dst, v.Str.Bytes(i))
	case format.StringList:
		return AppendList(dst, v, i)
	}
	return append(dst, "null"...)
}

// AppendList appends row i of a column of string lists as an array.
func AppendList(dst []byte, v *format.Vector, i int) []byte {
	dst = append(dst, '[')
	for j := v.Rows[i]; j < v.Rows[i+1]; j++ {
		if j > v.Rows[i] {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, v.Str.Bytes(int(j)))
	}
	return append(dst, ']')
}
