// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Ints groups by a column of numbers, which text shows.
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
	return &Key{Name: column, Right: true, Columns: []string{column}, Bind: func(*Source) (Coder, error) {
		return Coder{codes, func(code uint64) string { return text(int64(code)) }}, nil
	}}
}

// Decimals groups by a column of numbers, which are shown as they are.
func Decimals(column string) *Key {
	k := Ints(column, func(n int64) string { return strconv.FormatInt(n, 10) })
	k.Number = true
	return k
}

// Texts groups by a text of each row. What text gives is valid until its next call.
func Texts(name string, columns []string, text func(b *format.Batch, row int) []byte) *Key {
	return &Key{Name: name, Columns: columns, Bind: func(*Source) (Coder, error) {
		w := newWords()
		return Coder{func(dst []uint64, b *format.Batch) {
			for i := range dst {
				dst[i] = w.add(text(b, i))
			}
		}, w.text}, nil
	}}
}

// Word groups by a column whose values are of a list; all others are one group, "?".
func Word(column string, list ...string) *Key {
	return &Key{Name: column, Columns: []string{column}, Bind: func(*Source) (Coder, error) {
		return Coder{func(dst []uint64, b *format.Batch) {
			v := &b.Column(column).Str
		rows:
			for i := range dst {
				for n, word := range list {
					if string(v.Bytes(i)) == word {
						dst[i] = uint64(n)
						continue rows
					}
				}
				dst[i] = uint64(len(list))
			}
		}, func(code uint64) string {
			if code == uint64(len(list)) {
				return "?"
			}
			return list[code]
		}}, nil
	}}
}

// Errno groups by the error number of a result in column ret, which has 64 bits; rows without an error are one group.
var Errno = &Key{Name: "errno", Columns: []string{"ret"}, Bind: func(*Source) (Coder, error) {
	return Coder{func(dst []uint64, b *format.Batch) {
		for i, ret := range b.Column("ret").I64[:len(dst)] {
			dst[i] = 0
			if syscalls.Failed(ret) {
				dst[i] = uint64(-ret)
			}
		}
	}, func(code uint64) string { return ErrnoText(int64(code)) }}, nil
}}

// ErrnoText is the name of an error number, "ok" for none.
func ErrnoText(errno int64) string {
	if errno == 0 {
		return "ok"
	}
	if name := syscalls.Errno(-errno); name != "" {
		return name
	}
	return "errno " + strconv.FormatInt(errno, 10)
}
