// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Keys of what ids lead to. Rows whose id is not known are one group, "?".
var (
	Comm = Joined("comm", "task", "comm")
	PID  = Joined("pid", "task", "pid")
	TID  = Joined("tid", "task", "tid")
	Path = Joined("path", "path", "name")
)

// Joined groups by a column of a dimension, to whose rows the ids in the column of the dimension's name lead.
func Joined(name, dimension, column string) *Key {
	known := schema.Of(dimension).Select(column)
	number := known[0].Type != format.String
	return &Key{Name: name, Number: number, Right: number, Columns: []string{dimension},
		Bind: func(s *Source) (Coder, error) {
			rows, err := s.Dimension(dimension).Load(known...)
			if err != nil {
				return Coder{}, err
			}
			j := &joined{id: dimension, rows: rows, codes: make([]uint64, rows.Rows), words: newWords()}
			j.codes[0] = 1 + j.words.add([]byte("?"))
			return Coder{j.code, j.words.text}, nil
		}}
}

// joined has the codes of the rows of a dimension, those with the same text the same one.
type joined struct {
	id    string // the column of ids
	rows  *capture.Rows
	codes []uint64 // code+1 by row, 0 of one that was not met yet
	words *words
	text  []byte
}

func (j *joined) code(dst []uint64, b *format.Batch) {
	for i, id := range b.Column(j.id).I32[:len(dst)] {
		row := j.rows.Index(int64(id))
		code := j.codes[row]
		if code == 0 {
			code = 1 + j.add(row)
			j.codes[row] = code
		}
		dst[i] = code - 1
	}
}

// add is the code of a row that is met for the first time.
func (j *joined) add(row int32) uint64 {
	switch v := &j.rows.Columns[0]; v.Type {
	case format.String:
		return j.words.add(v.Str.Bytes(int(row)))
	case format.Int32:
		j.text = strconv.AppendInt(j.text[:0], int64(v.I32[row]), 10)
	default:
		j.text = strconv.AppendInt(j.text[:0], v.I64[row], 10)
	}
	return j.words.add(j.text)
}

// Call groups by the name of the system call in column nr.
var Call = &Key{Name: "name", Columns: []string{"nr"}, Bind: func(s *Source) (Coder, error) {
	calls := s.Calls()
	return Coder{func(dst []uint64, b *format.Batch) {
		for i, nr := range b.Column("nr").I32[:len(dst)] {
			dst[i] = syscalls.Slot(nr)
		}
	}, func(code uint64) string { return calls.Name(syscalls.SlotCall(code)) }}, nil
}}
