// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Condition says which rows count; a nil one is all of them. One that several values share is evaluated once for each
// batch.
type Condition struct {
	within *Condition
	column string
	// rows appends those of the rows that fulfil it.
	rows func(dst, rows []int32, v *format.Vector) []int32
}

// Is is that a column of text has this value.
func Is(column, value string) *Condition {
	return &Condition{nil, column, func(dst, rows []int32, v *format.Vector) []int32 {
		for _, row := range rows {
			if string(v.Str.Bytes(int(row))) == value {
				dst = append(dst, row)
			}
		}
		return dst
	}}
}

// That is that what a column of numbers has is like this.
func That(column string, like func(int64) bool) *Condition {
	return &Condition{nil, column, func(dst, rows []int32, v *format.Vector) []int32 {
		if v.Type == format.Int32 {
			for _, row := range rows {
				if like(int64(v.I32[row])) {
					dst = append(dst, row)
				}
			}
			return dst
		}
		for _, row := range rows {
			if like(v.I64[row]) {
				dst = append(dst, row)
			}
		}
		return dst
	}}
}

// Fails is that a result in a column of 64 bits is an error.
func Fails(column string) *Condition {
	return &Condition{nil, column, func(dst, rows []int32, v *format.Vector) []int32 {
		dst, n := slices.Grow(dst, len(rows))[:len(rows)], 0
		for _, row := range rows {
			dst[n] = row
			if syscalls.Failed(v.I64[row]) {
				n++
			}
		}
		return dst[:n]
	}}
}

// And is c, and the other one too, which must be a simple one.
func (c *Condition) And(other *Condition) *Condition { return &Condition{c, other.column, other.rows} }

func (c *Condition) columns() []string {
	if c == nil {
		return nil
	}
	return append(c.within.columns(), c.column)
}

// selections are the rows of a batch that conditions let through.
type selections struct {
	all  []int32
	rows map[*Condition][]int32
	made map[*Condition]bool // for this batch
}

func newSelections() *selections {
	return &selections{rows: map[*Condition][]int32{}, made: map[*Condition]bool{}}
}

func (s *selections) reset(rows int) {
	clear(s.made)
	for len(s.all) < rows {
		s.all = append(s.all, int32(len(s.all)))
	}
	s.all = s.all[:rows]
}

func (s *selections) of(c *Condition, b *format.Batch) []int32 {
	if c == nil {
		return s.all
	}
	if !s.made[c] {
		within := s.of(c.within, b)
		s.rows[c] = c.rows(s.rows[c][:0], within, b.Column(c.column))
		s.made[c] = true
	}
	return s.rows[c]
}
