// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Condition selects rows of a table; nil selects all rows. A condition that several values share is evaluated once for
// each batch.
type Condition struct {
	first  *Condition // evaluated first: only its rows are tested; nil: all rows are
	column string
	// match appends those of the rows for which column v satisfies the condition to dst.
	match func(dst, rows []int32, v *format.Vector) []int32
}

// Equals selects rows in which a column of text has this value.
func Equals(column, value string) *Condition {
	return &Condition{nil, column, func(dst, rows []int32, v *format.Vector) []int32 {
		for _, row := range rows {
			if string(v.Str.Bytes(int(row))) == value {
				dst = append(dst, row)
			}
		}
		return dst
	}}
}

// Satisfies selects rows in which the value of a column of integers satisfies a predicate.
func Satisfies(column string, predicate func(int64) bool) *Condition {
	return &Condition{nil, column, func(dst, rows []int32, v *format.Vector) []int32 {
		if v.Type == format.Int32 {
			for _, row := range rows {
				if predicate(int64(v.I32[row])) {
					dst = append(dst, row)
				}
			}
			return dst
		}
		for _, row := range rows {
			if predicate(v.I64[row]) {
				dst = append(dst, row)
			}
		}
		return dst
	}}
}

// Fails selects rows in which a column of results of 64 bits has an error.
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

// And selects rows that both conditions select. The other one must not be made by And.
func (c *Condition) And(other *Condition) *Condition { return &Condition{c, other.column, other.match} }

func (c *Condition) columns() []string {
	if c == nil {
		return nil
	}
	return append(c.first.columns(), c.column)
}

// selections are the rows of the current batch that conditions select.
type selections struct {
	all       []int32 // 0, 1, 2, ...
	rows      map[*Condition][]int32
	evaluated map[*Condition]bool // rows has the result for the current batch
}

func newSelections() *selections {
	return &selections{rows: map[*Condition][]int32{}, evaluated: map[*Condition]bool{}}
}

// reset begins a batch with that many rows.
func (s *selections) reset(rows int) {
	clear(s.evaluated)
	for len(s.all) < rows {
		s.all = append(s.all, int32(len(s.all)))
	}
	s.all = s.all[:rows]
}

// of returns the rows of batch b that c selects, in ascending order.
func (s *selections) of(c *Condition, b *format.Batch) []int32 {
	if c == nil {
		return s.all
	}
	if !s.evaluated[c] {
		s.rows[c] = c.match(s.rows[c][:0], s.of(c.first, b), b.Column(c.column))
		s.evaluated[c] = true
	}
	return s.rows[c]
}
