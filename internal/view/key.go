// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Key is something that rows can be grouped by: a column, or what is computed from some.
type Key struct {
	Name       string
	Number     bool     // in JSON the key is a number, or null where it is unknown
	AlignRight bool     // in a table
	Columns    []string // the columns of the table that Coder.Codes reads
	// With is another key that rows are grouped by whenever they are by this one, and that tells apart what has the
	// same text here. Its column is only shown if it has any text. nil: there is none.
	With *Key
	// Bind prepares the key for one capture and one worker.
	Bind func(s *Source) (Coder, error)
}

// Coder maps the rows of one capture to codes: rows of the same group have the same code. It is used by one goroutine
// at a time.
type Coder struct {
	Codes func(dst []uint64, b *format.Batch) // sets dst[i] to the code of row i; len(dst) is b.Rows
	Text  func(code uint64) string            // what is shown; codes with the same text become one group
	texts bool                                // codes are of a dictionary, so otherCode is one of all other texts
}

// LeftAligned is a copy of the key that a table aligns left.
func (k *Key) LeftAligned() *Key {
	left := *k
	left.AlignRight = false
	return &left
}

// jsonValue is the value in JSON of a key with this text.
func (k *Key) jsonValue(text string) any {
	if !k.Number {
		return text
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return nil
}

// Ints groups by a column of integers; text formats them.
func Ints(column string, text func(int64) string) *Key {
	codes := func(dst []uint64, b *format.Batch) {
		v := b.Column(column)
		if v.Type == format.Int32 {
			for i, n := range v.I32[:len(dst)] {
				dst[i] = uint64(n)
			}
			return
		}
		for i, n := range v.I64[:len(dst)] {
			dst[i] = uint64(n)
		}
	}
	return &Key{Name: column, AlignRight: true, Columns: []string{column}, Bind: func(*Source) (Coder, error) {
		return Coder{Codes: codes, Text: func(code uint64) string { return text(int64(code)) }}, nil
	}}
}

// Decimals groups by a column of integers, shown in decimal.
func Decimals(column string) *Key {
	k := Ints(column, func(n int64) string { return strconv.FormatInt(n, 10) })
	k.Number = true
	return k
}

// Texts groups by a text that is computed from columns of a row. The result of text need only be valid until its next
// call.
func Texts(name string, columns []string, text func(b *format.Batch, row int) []byte) *Key {
	return &Key{Name: name, Columns: columns, Bind: func(s *Source) (Coder, error) {
		d := newDictionary(s.Budget())
		return Coder{func(dst []uint64, b *format.Batch) {
			for i := range dst {
				dst[i] = d.add(text(b, i))
			}
		}, d.text, true}, nil
	}}
}

// OneOf groups by a column of text that should have one of these values; all other rows are one group, "?".
func OneOf(column string, values ...string) *Key {
	return &Key{Name: column, Columns: []string{column}, Bind: func(*Source) (Coder, error) {
		return Coder{Codes: func(dst []uint64, b *format.Batch) {
			v := &b.Column(column).Str
		rows:
			for i := range dst {
				for n, value := range values {
					if string(v.Bytes(i)) == value {
						dst[i] = uint64(n)
						continue rows
					}
				}
				dst[i] = uint64(len(values))
			}
		}, Text: func(code uint64) string {
			if code == uint64(len(values)) {
				return "?"
			}
			return values[code]
		}}, nil
	}}
}

// Errno groups system calls by the error number in column ret; those that succeeded are one group, "ok".
var Errno = &Key{Name: "errno", Columns: []string{"nr", "ret"}, Bind: func(s *Source) (Coder, error) {
	calls := s.Calls()
	return Coder{Codes: func(dst []uint64, b *format.Batch) {
		nr := b.Column("nr").I32
		for i, ret := range b.Column("ret").I64[:len(dst)] {
			dst[i] = 0
			if syscalls.Failed(ret) && calls.Outcome(nr[i], ret) != syscalls.Succeeded {
				dst[i] = uint64(-ret)
			}
		}
	}, Text: func(code uint64) string { return ErrnoText(int64(code)) }}, nil
}}

// ErrnoText is the name of an error number, which is positive, and "ok" for 0.
func ErrnoText(errno int64) string {
	if errno == 0 {
		return "ok"
	}
	if name := syscalls.Errno(-errno); name != "" {
		return name
	}
	return "errno " + strconv.FormatInt(errno, 10)
}
