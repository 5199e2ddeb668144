// SPDX-License-Identifier: Apache-2.0

package arrowtable

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/fletch-trace/fletch/format"
)

// NewSchema returns the Arrow schema of a table: its columns in their order,
// none nullable. Its metadata, such as fletch.table, is that of the segments of a
// capture with the manifest m; there is none if m is nil.
func NewSchema(s *format.Schema, m *format.Manifest) *arrow.Schema {
	fields := make([]arrow.Field, len(s.Columns))
	for i, c := range s.Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: dataType(c.Type)}
	}
	if m == nil {
		return arrow.NewSchema(fields, nil)
	}
	var keys, values []string
	pairs := m.SchemaMetadata(s.Table)
	for i := 0; i < len(pairs); i += 2 {
		keys, values = append(keys, pairs[i]), append(values, pairs[i+1])
	}
	metadata := arrow.NewMetadata(keys, values)
	return arrow.NewSchema(fields, &metadata)
}

func dataType(t format.Type) arrow.DataType {
	switch t {
	case format.Int32:
		return arrow.PrimitiveTypes.Int32
	case format.Int64:
		return arrow.PrimitiveTypes.Int64
	case format.Timestamp:
		return arrow.FixedWidthTypes.Timestamp_ns
	case format.String:
		return arrow.BinaryTypes.String
	case format.StringList:
		return arrow.ListOfNonNullable(arrow.BinaryTypes.String)
	}
	return arrow.Null
}

// NewRecord returns the rows of b as a record that shares the memory of b. It is
// valid until b is changed or read into, even if it is retained. schema must be what
// NewSchema returns for the schema of b. Texts must be UTF-8, which is not checked.
func NewRecord(schema *arrow.Schema, b *format.Batch) arrow.Record {
	return newRecord(schema, b, memory.NewBufferBytes)
}

// newRecord is NewRecord with wrap, which makes a buffer of a part of b's memory.
func newRecord(schema *arrow.Schema, b *format.Batch, wrap func([]byte) *memory.Buffer) arrow.Record {
	columns := make([]arrow.Array, len(b.Columns))
	for i := range b.Columns {
		data := newData(schema.Field(i).Type, &b.Columns[i], wrap)
		columns[i] = array.MakeFromData(data)
		data.Release()
	}
	record := array.NewRecord(schema, columns, int64(b.Rows))
	for _, c := range columns {
		c.Release()
	}
	return record
}

// newData returns a column as Arrow's array data, of the same memory and without
// validity bitmaps.
func newData(t arrow.DataType, v *format.Vector, wrap func([]byte) *memory.Buffer) *array.Data {
	var children []arrow.ArrayData
	buffers := []*memory.Buffer{nil}
	switch v.Type {
	case format.Int32:
		buffers = append(buffers, wrap(arrow.Int32Traits.CastToBytes(v.I32)))
	case format.Int64, format.Timestamp:
		buffers = append(buffers, wrap(arrow.Int64Traits.CastToBytes(v.I64)))
	case format.String:
		offsets, first, end := fromZero(v.Str.Offsets, v.Len())
		buffers = append(buffers, wrap(arrow.Int32Traits.CastToBytes(offsets)), wrap(v.Str.Data[first:end]))
	case format.StringList:
		rows, first, end := fromZero(v.Rows, v.Len())
		buffers = append(buffers, wrap(arrow.Int32Traits.CastToBytes(rows)))
		texts := &format.Vector{Type: format.String, Str: v.Str}
		if len(v.Str.Offsets) > 0 {
			texts.Str.Offsets = v.Str.Offsets[first : end+1]
		}
		child := newData(arrow.BinaryTypes.String, texts, wrap)
		defer child.Release()
		children = append(children, child)
	}
	data := array.NewData(t, v.Len(), buffers, children, 0, 0)
	for _, b := range buffers[1:] {
		b.Release() // data has its own reference
	}
	return data
}

// fromZero returns the n+1 offsets, copied and shifted unless the first one is 0
// already, and the first and the last of them before that. Arrow allows any first
// offset, but ipc.Writer of v15 then cuts off the values and not the offsets.
// Package format does not write such columns; other programs may.
func fromZero(offsets []int32, n int) (shifted []int32, first, end int32) {
	if len(offsets) == 0 {
		return nil, 0, 0
	}
	offsets = offsets[:n+1]
	first, end = offsets[0], offsets[n]
	if first == 0 {
		return offsets, first, end
	}
	shifted = make([]int32, n+1)
	for i, o := range offsets {
		shifted[i] = o - first
	}
	return shifted, first, end
}
