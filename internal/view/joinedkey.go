// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strconv"
	"sync"
	"sync/atomic"

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

// Keys that are the names of a call: its texts, where they start, and its descriptors. Calls without one are a group,
// "-".
var CallNames = []*Key{
	joinedBy("str", "str", "string", "value", "-"), joinedBy("str2", "str2", "string", "value", "-"),
	joinedBy("dir", "dir", "path", "name", "-"), joinedBy("path", "path", "path", "name", "-"),
	joinedBy("path2", "path2", "path", "name", "-"),
}

func with(k, other *Key) *Key {
	k.With = other
	return k
}

// Joined groups by a column of a dimension. The table has the ids of its rows, in a column named like the dimension.
func Joined(name, dimension, column string) *Key {
	return joinedBy(name, dimension, dimension, column, "?")
}

// joinedBy is Joined with the ids in column ids of the table; none is the text of id 0.
func joinedBy(name, ids, dimension, column, none string) *Key {
	columns := schema.Of(dimension).Select(column)
	number := columns[0].Type != format.String
	return &Key{Name: name, Number: number, AlignRight: number, Columns: []string{ids},
		Bind: func(s *Source) (Coder, error) {
			type id struct{ ids, column string }
			j, err := LoadOnce(s, id{ids, column}, func() (*joinedCoder, error) {
				return newJoinedCoder(s, ids, dimension, columns, none)
			})
			if err != nil {
				return Coder{}, err
			}
			return Coder{Codes: j.code, Text: j.texts.text, texts: true}, nil
		}}
}

// joinedCoder maps the rows of a dimension to codes. Rows with the same text have the same code. It is safe for
// concurrent use.
type joinedCoder struct {
	idColumn string
	rows     *capture.Rows
	codes    []atomic.Uint32 // code+1 by row of the dimension; 0: not yet assigned
	none     uint64          // code of id 0

	mu    sync.Mutex
	texts *dictionary
	text  []byte // buffer of add
}

func newJoinedCoder(s *Source, ids, dimension string, columns []format.Column, none string) (*joinedCoder, error) {
	rows, err := s.Dimension(dimension).Load(columns...)
	if err != nil {
		return nil, err
	}
	if err := s.Budget().Reserve("grouping by "+dimension, 4*int64(rows.Rows)); err != nil {
		return nil, err
	}
	j := &joinedCoder{idColumn: ids, rows: rows, codes: make([]atomic.Uint32, rows.Rows),
		texts: newDictionary(s.Budget())}
	j.codes[0].Store(uint32(j.texts.add([]byte("?"))) + 1)
	j.none = j.texts.add([]byte(none))
	return j, nil
}

func (j *joinedCoder) code(dst []uint64, b *format.Batch) {
	for i, id := range b.Column(j.idColumn).I32[:len(dst)] {
		row := j.rows.Index(int64(id))
		if id == 0 {
			dst[i] = j.none
		} else if code := j.codes[row].Load(); code != 0 {
			dst[i] = uint64(code - 1)
		} else {
			dst[i] = j.add(row)
		}
	}
}

// add returns the code for the text of a row.
func (j *joinedCoder) add(row int32) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	var code uint64
	switch v := &j.rows.Columns[0]; v.Type {
	case format.String:
		code = j.texts.add(v.Str.Bytes(int(row)))
	case format.Int32:
		j.text = strconv.AppendInt(j.text[:0], int64(v.I32[row]), 10)
		code = j.texts.add(j.text)
	default:
		j.text = strconv.AppendInt(j.text[:0], v.I64[row], 10)
		code = j.texts.add(j.text)
	}
	if code != otherCode {
		j.codes[row].Store(uint32(code) + 1)
	}
	return code
}

// Capture groups by the path of the capture, because ids of processes, users and objects are those of one host.
var Capture = &Key{Name: "capture", Bind: func(s *Source) (Coder, error) {
	return Coder{Codes: func(dst []uint64, _ *format.Batch) { clear(dst) },
		Text: func(uint64) string { return s.Path }}, nil
}}

// Call groups by the name of the system call whose number is in column nr.
var Call = &Key{Name: "name", Columns: []string{"nr"}, Bind: func(s *Source) (Coder, error) {
	calls := s.Calls()
	return Coder{Codes: func(dst []uint64, b *format.Batch) {
		for i, nr := range b.Column("nr").I32[:len(dst)] {
			dst[i] = syscalls.Slot(nr)
		}
	}, Text: func(code uint64) string { return calls.Name(syscalls.SlotCall(code)) }}, nil
}}
