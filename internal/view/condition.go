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
	first *Condition // evaluated first: only its rows are tested; nil: all rows are
	needs []string   // the columns that it reads
	bind  func(s *Source) matcher
}

// matcher appends those of the rows of a batch that satisfy a condition to dst.
type matcher func(dst, rows []int32, b *format.Batch) []int32

// newCondition makes a condition that is the same in all captures.
func newCondition(match matcher, needs ...string) *Condition {
	return &Condition{needs: needs, bind: func(*Source) matcher { return match }}
}

// Equals selects rows in which a column of text has this value.
func Equals(column, value string) *Condition {
	return newCondition(func(dst, rows []int32, b *format.Batch) []int32 {
		v := b.Column(column)
		for _, row := range rows {
			if string(v.Str.Bytes(int(row))) == value {
				dst = append(dst, row)
			}
		}
		return dst
	}, column)
}

// Among selects rows in which a column of text has one of these values.
func Among(column string, values ...string) *Condition {
	return newCondition(func(dst, rows []int32, b *format.Batch) []int32 {
		v := b.Column(column)
		for _, row := range rows {
			text := v.Str.Bytes(int(row))
			if slices.ContainsFunc(values, func(value string) bool { return string(text) == value }) {
				dst = append(dst, row)
			}
		}
		return dst
	}, column)
}

// Satisfies selects rows in which the value of a column of integers satisfies a predicate.
func Satisfies(column string, predicate func(int64) bool) *Condition {
	return newCondition(func(dst, rows []int32, b *format.Batch) []int32 {
		v := b.Column(column)
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
	}, column)
}

// hasErrno selects rows in which a column of results of 64 bits has an error number.
func hasErrno(column string) *Condition {
	return newCondition(func(dst, rows []int32, b *format.Batch) []int32 {
		v := b.Column(column)
		dst, n := slices.Grow(dst, len(rows))[:len(rows)], 0
		for _, row := range rows {
			dst[n] = row
			if syscalls.Failed(v.I64[row]) {
				n++
			}
		}
		return dst[:n]
	}, column)
}

var errnoInRet = hasErrno("ret")

// CallEnds selects system calls whose result in column ret has an outcome other than success.
func CallEnds(outcome syscalls.Outcome) *Condition {
	return &Condition{first: errnoInRet, needs: []string{"nr", "ret"}, bind: func(s *Source) matcher {
		calls := s.Calls()
		return func(dst, rows []int32, b *format.Batch) []int32 {
			nr, ret := b.Column("nr").I32, b.Column("ret").I64
			for _, row := range rows {
				if calls.Outcome(nr[row], ret[row]) == outcome {
					dst = append(dst, row)
				}
			}
			return dst
		}
	}}
}

// TransferEnds selects reads and writes whose result in column ret has an outcome other than success.
func TransferEnds(outcome syscalls.Outcome) *Condition {
	return errnoInRet.And(Satisfies("ret", func(ret int64) bool { return syscalls.TransferOutcome(ret) == outcome }))
}

// And selects rows that both conditions select. The other one must not be made by And.
func (c *Condition) And(other *Condition) *Condition { return &Condition{c, other.needs, other.bind} }

func (c *Condition) columns() []string {
	if c == nil {
		return nil
	}
	return append(c.first.columns(), c.needs...)
}

// selections are the rows of the current batch that conditions select.
type selections struct {
	source    *Source
	matchers  map[*Condition]matcher
	all       []int32 // 0, 1, 2, ...
	rows      map[*Condition][]int32
	evaluated map[*Condition]bool // rows has the result for the current batch
}

func newSelections(s *Source) *selections {
	return &selections{source: s, matchers: map[*Condition]matcher{}, rows: map[*Condition][]int32{},
		evaluated: map[*Condition]bool{}}
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
		match := s.matchers[c]
		if match == nil {
			match = c.bind(s.source)
			s.matchers[c] = match
		}
		s.rows[c] = match(s.rows[c][:0], s.of(c.first, b), b)
		s.evaluated[c] = true
	}
	return s.rows[c]
}
