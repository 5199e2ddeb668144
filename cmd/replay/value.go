// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
)

// value formats the values of one column by what they mean.
type value struct {
	column  *capture.Accessor
	meaning schema.Column
	joined  []*capture.Accessor // what an id or a system call number stands for
	times   timeText
	unit    string // appended to durations
	quote   bool   // quote texts, unless needsNoQuotes
}

func newValue(c *columns, column format.Column, times timeText) *value {
	v := &value{column: c.column(column), meaning: schema.Describe(c.table.Table, column), times: times,
		joined: c.joined(column.Name)}
	if v.meaning.Meaning == schema.Duration {
		v.unit = "s"
	}
	return v
}

func (v *value) Append(dst []byte, row int) []byte {
	if len(v.joined) > 0 {
		return v.appendJoined(dst, row)
	}
	switch at, i := v.column.At(row); at.Type {
	case format.String:
		return v.appendText(dst, at.Str.Bytes(i))
	case format.StringList:
		return appendList(dst, at, i)
	}
	return v.appendNumber(dst, v.column.Int(row))
}

func (v *value) appendNumber(dst []byte, n int64) []byte {
	switch v.meaning.Meaning {
	case schema.Time:
		return v.times(dst, n)
	case schema.Duration:
		if n < 0 {
			return append(dst, '?')
		}
		return append(stamp.Seconds(dst, n, 9), v.unit...)
	case schema.Result:
		return append(dst, bytes.TrimPrefix(syscalls.AppendResult(nil, n), []byte("= "))...)
	case schema.Signal:
		if n > 0 && n <= math.MaxInt32 {
			return append(dst, capture.Signal(int32(n))...)
		}
	case schema.Mode:
		if n >= 0 {
			return syscalls.AppendOctal(dst, uint64(n))
		}
	case schema.Pointer:
		return strconv.AppendUint(append(dst, "0x"...), uint64(n), 16)
	}
	return strconv.AppendInt(dst, n, 10)
}

func (v *value) appendText(dst, text []byte) []byte {
	if v.quote && !v.needsNoQuotes(text) {
		return term.AppendQuoted(dst, text)
	}
	return term.AppendEscaped(dst, text)
}

// needsNoQuotes reports whether a text cannot be mistaken for anything else, because it is a known value or an address.
func (v *value) needsNoQuotes(text []byte) bool {
	switch v.meaning.Meaning {
	case schema.Enum:
		return slices.Contains(v.meaning.Values, string(text))
	case schema.Address:
		other := func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') && r != '.' && r != ':' }
		return len(text) > 0 && !bytes.ContainsFunc(text, other)
	}
	return false
}

// appendJoined appends what an id or a system call number stands for: texts, and numbers as "100/101". It appends "-"
// for id 0 and "?" for an unknown id.
func (v *value) appendJoined(dst []byte, row int) []byte {
	call := v.meaning.Meaning == schema.Syscall
	if _, at := v.joined[0].At(row); at == 0 && !call {
		if v.column.Int(row) == 0 {
			return append(dst, '-')
		}
		return append(dst, '?')
	}
	between := ""
	for _, a := range v.joined {
		dst = append(dst, between...)
		switch at, i := a.At(row); {
		case call:
			dst = append(dst, at.Str.Bytes(i)...)
		case at.Type == format.String:
			dst = v.appendText(dst, at.Str.Bytes(i))
			between = " "
		case at.Type == format.StringList:
			dst = appendList(dst, at, i)
			between = " "
		default:
			dst = strconv.AppendInt(dst, a.Int(row), 10)
			between = "/"
		}
	}
	return dst
}

// appendList appends texts in brackets: ["ls", "-l"].
func appendList(dst []byte, v *format.Vector, row int) []byte {
	dst = append(dst, '[')
	first := v.Rows[row]
	for j := first; j < v.Rows[row+1]; j++ {
		if j > first {
			dst = append(dst, ", "...)
		}
		dst = term.AppendQuoted(dst, v.Str.Bytes(int(j)))
	}
	return append(dst, ']')
}
