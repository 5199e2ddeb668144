// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Keys that are columns of dimensions. Rows whose id is unknown are one group, "?".
var (
	Comm = Joined("comm", "task", "comm")
	PID  = Joined("pid", "task", "pid")
	TID  = Joined("tid", "task", "tid")
	Path = with(Joined("path", "path", "name"), mountNamespace)
)

func with(k, other *Key) *Key {
	k.With = other
	return k
}

// Joined groups by a column of a dimension. The table has the ids of its rows, in a column named like the dimension.
func Joined(name, dimension, column string) *Key {
	columns := schema.Of(dimension).Select(column)
	number := columns[0].Type != format.String
	return &Key{Name: name, Number: number, AlignRight: number, Columns: []string{dimension},
		Bind: func(s *Source) (Coder, error) {
			rows, err := s.Dimension(dimension).Load(columns...)
			if err != nil {
				return Coder{}, err
			}
			j := &joinedCoder{idColumn: dimension, rows: rows, codes: make([]uint64, rows.Rows), texts: newDictionary()}
			j.codes[0] = 1 + j.texts.add([]byte("?"))
			return Coder{j.code, j.texts.text}, nil
		}}
}

// joinedCoder maps the rows of a dimension to codes. Rows with the same text have the same code.
type joinedCoder struct {
	idColumn string
	rows     *capture.Rows
	codes    []uint64 // code+1 by row of the dimension; 0: not yet assigned
	texts    *dictionary
	text     []byte // buffer of add
}

func (j *joinedCoder) code(dst []uint64, b *format.Batch) {
	for i, id := range b.Column(j.idColumn).I32[:len(dst)] {
		row := j.rows.Index(int64(id))
		code := j.codes[row]
		if code == 0 {
			code = 1 + j.add(row)
			j.codes[row] = code
		}
		dst[i] = code - 1
	}
}

// add returns the code for the text of a row.
func (j *joinedCoder) add(row int32) uint64 {
	switch v := &j.rows.Columns[0]; v.Type {
	case format.String:
		return j.texts.add(v.Str.Bytes(int(row)))
	case format.Int32:
		j.text = strconv.AppendInt(j.text[:0], int64(v.I32[row]), 10)
	default:
		j.text = strconv.AppendInt(j.text[:0], v.I64[row], 10)
	}
	return j.texts.add(j.text)
}

// Capture groups by the path of the capture, because ids of processes, users and objects are those of one host.
var Capture = &Key{Name: "capture", Bind: func(s *Source) (Coder, error) {
	return Coder{func(dst []uint64, _ *format.Batch) { clear(dst) }, func(uint64) string { return s.Path }}, nil
}}

// Call groups by the name of the system call whose number is in column nr.
var Call = &Key{Name: "name", Columns: []string{"nr"}, Bind: func(s *Source) (Coder, error) {
	calls := s.Calls()
	return Coder{func(dst []uint64, b *format.Batch) {
		for i, nr := range b.Column("nr").I32[:len(dst)] {
			dst[i] = syscalls.Slot(nr)
		}
	}, func(code uint64) string { return calls.Name(syscalls.SlotCall(code)) }}, nil
}}
