// SPDX-License-Identifier: Apache-2.0

package view

import "github.com/fletch-trace/fletch/format"

// Spread is how the values of a column of 64-bit numbers are spread. Negative values count as 0.
type Spread struct{ column string }

// SpreadOf is the spread of a column.
func SpreadOf(column string) *Spread { return &Spread{column} }

// Count is the number of values.
func (s *Spread) Count() Number { return s.number(func(v *values) int64 { return v.count }) }

// Total is their sum.
func (s *Spread) Total() Number { return s.number(func(v *values) int64 { return v.total }) }

// Mean is 0 for no values.
func (s *Spread) Mean() Number { return s.number((*values).mean) }

// Max is the greatest.
func (s *Spread) Max() Number { return s.number(func(v *values) int64 { return v.max }) }

// Quantile is the value that a share q of the values does not exceed, to within 1/32.
func (s *Spread) Quantile(q float64) Number {
	return s.number(func(v *values) int64 { return v.quantile(q) })
}

func (s *Spread) number(of func(v *values) int64) Number {
	return &number{func(g *Group) int64 { return of(g.of(s).(*spreads).groups[g.number]) }, []aggregate{s}}
}

func (s *Spread) columns() []string                 { return []string{s.column} }
func (s *Spread) where() *Condition                 { return nil }
func (s *Spread) bind(*Source) (accumulator, error) { return &spreads{column: s.column}, nil }

type spreads struct {
	column string
	groups []*values // by number of the group
}

func (s *spreads) grow(groups int) {
	for len(s.groups) < groups {
		s.groups = append(s.groups, &values{})
	}
}

func (s *spreads) add(b *format.Batch, _, groups []int32) {
	column := b.Column(s.column).I64[:len(groups)]
	for row, group := range groups { // all, as there is no condition
		s.groups[group].add(column[row])
	}
}

func (s *spreads) merge(to int32, o accumulator, from int32) {
	s.groups[to].merge(o.(*spreads).groups[from])
}

// values is what is kept of many values, none of them negative.
type values struct {
	count, total int64
	min, max     int64
	histogram    histogram
}

func (v *values) add(n int64) {
	n = max(n, 0)
	if v.count == 0 {
		v.min = n
	}
	v.count++
	v.total += n
	v.min, v.max = min(v.min, n), max(v.max, n)
	v.histogram.add(uint64(n))
}

func (v *values) merge(o *values) {
	if v.count == 0 || o.count > 0 && o.min < v.min {
		v.min = o.min
	}
	v.count += o.count
	v.total += o.total
	v.max = max(v.max, o.max)
	v.histogram.merge(&o.histogram)
}

func (v *values) mean() int64 { return v.total / max(v.count, 1) }

func (v *values) quantile(q float64) int64 {
	return min(max(int64(v.histogram.quantile(q, v.count)), v.min), v.max)
}
