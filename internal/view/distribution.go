// SPDX-License-Identifier: Apache-2.0

package view

import "github.com/fletch-trace/fletch/format"

// Distribution is the distribution of the values of a column of 64-bit integers. Negative values count as 0. All its
// numbers are 0 for no values.
type Distribution struct{ column string }

// DistributionOf is the distribution of a column.
func DistributionOf(column string) *Distribution { return &Distribution{column} }

// Count is the number of values.
func (d *Distribution) Count() Number { return d.number(func(v *statistics) int64 { return v.count }) }

// Total is their sum.
func (d *Distribution) Total() Number { return d.number(func(v *statistics) int64 { return v.total }) }

// Mean is their mean, rounded down.
func (d *Distribution) Mean() Number { return d.number((*statistics).mean) }

// Max is the greatest of them.
func (d *Distribution) Max() Number { return d.number(func(v *statistics) int64 { return v.max }) }

// Quantile is the value that a share q of the values (0 to 1) does not exceed, with an error of at most 1/32.
func (d *Distribution) Quantile(q float64) Number {
	return d.number(func(v *statistics) int64 { return v.quantile(q) })
}

func (d *Distribution) number(of func(v *statistics) int64) Number {
	return &number{func(g *Group) int64 { return of(g.of(d).(*distributions).groups[g.number]) }, []aggregate{d}}
}

func (d *Distribution) columns() []string { return []string{d.column} }
func (d *Distribution) where() *Condition { return nil }
func (d *Distribution) bind(*Source) (accumulator, error) {
	return &distributions{column: d.column}, nil
}

type distributions struct {
	column string
	groups []*statistics // by number of the group; pointers, because they are large and the slice grows
}

func (s *distributions) grow(groups int) {
	for len(s.groups) < groups {
		s.groups = append(s.groups, &statistics{})
	}
}

func (s *distributions) add(b *format.Batch, _, groups []int32) {
	column := b.Column(s.column).I64[:len(groups)]
	for row, group := range groups { // all rows, because where is nil
		s.groups[group].add(column[row])
	}
}

func (s *distributions) merge(to int32, o accumulator, from int32) {
	s.groups[to].merge(o.(*distributions).groups[from])
}

// statistics are the statistics of the values of one group.
type statistics struct {
	count, total int64
	min, max     int64
	histogram    histogram
}

func (s *statistics) add(n int64) {
	n = max(n, 0)
	if s.count == 0 {
		s.min = n
	}
	s.count++
	s.total += n
	s.min, s.max = min(s.min, n), max(s.max, n)
	s.histogram.add(uint64(n))
}

func (s *statistics) merge(o *statistics) {
	if s.count == 0 || o.count > 0 && o.min < s.min {
		s.min = o.min
	}
	s.count += o.count
	s.total += o.total
	s.max = max(s.max, o.max)
	s.histogram.merge(&o.histogram)
}

func (s *statistics) mean() int64 { return s.total / max(s.count, 1) }

func (s *statistics) quantile(q float64) int64 {
	return min(max(int64(s.histogram.quantile(q, s.count)), s.min), s.max)
}
