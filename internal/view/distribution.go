// SPDX-License-Identifier: Apache-2.0

package view

import (
	"unsafe"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Distribution is the distribution of a column of durations, of those that are known. Those of rows that began before
// the recording are lower bounds: they are part of Total and Max, which are lower bounds then too, and of nothing else.
// Without values Count is 0 and all other numbers are Unknown.
type Distribution struct{ column string }

// DistributionOf is the distribution of a column.
func DistributionOf(column string) *Distribution { return &Distribution{column} }

// Count is the number of durations that are known exactly.
func (d *Distribution) Count() Number { return d.number(func(v *statistics) int64 { return v.count }) }

// Total is the sum of the durations.
func (d *Distribution) Total() Number {
	return d.number(func(v *statistics) int64 { return v.known(Add(v.total, v.bounds.total)) })
}

// Mean is the mean of the durations that are known exactly, rounded down, and Unknown if their sum is too large.
func (d *Distribution) Mean() Number { return d.number((*statistics).mean) }

// Max is the longest of the durations.
func (d *Distribution) Max() Number {
	return d.number(func(v *statistics) int64 { return v.known(max(v.max, v.bounds.max)) })
}

// Percentile is the duration that percent of 100 rows do not exceed (nearest rank: that of rank ceil(percent*n/100) of
// n), of those that are known exactly. The least and the greatest are exact, others have an error of at most 1/32.
func (d *Distribution) Percentile(percent int64) Number {
	return d.number(func(v *statistics) int64 { return v.percentile(percent) })
}

// Untimed is the number of rows that are not in Count: their duration is unknown, or only a lower bound is known.
func (d *Distribution) Untimed() Number {
	return d.number(func(v *statistics) int64 { return v.unknown + v.bounds.count })
}

// Bounds is the number of rows of which only a lower bound of the duration is known.
func (d *Distribution) Bounds() Number {
	return d.number(func(v *statistics) int64 { return v.bounds.count })
}

func (d *Distribution) number(of func(v *statistics) int64) Number {
	return &number{func(g *Group) int64 {
		if s := g.of(d).(*distributions).groups[g.number]; s != nil {
			return of(s)
		}
		return of(&statistics{})
	}, []aggregate{d}}
}

func (d *Distribution) columns() []string { return timed(d.column) }
func (d *Distribution) where() *Condition { return nil }
func (d *Distribution) bind(*Source) (accumulator, error) {
	return &distributions{column: d.column}, nil
}

func (s *distributions) groupBytes() int64 { return 8 + int64(unsafe.Sizeof(statistics{})+pageBytes)/2 }
func (s *distributions) grownBytes() int64 { return s.taken.since() }

type distributions struct {
	column string
	groups []*statistics // by number of the group, pointers because they are large and the slice grows; nil: no rows
	taken  taken
}

func (s *distributions) grow(groups int) { s.groups = grown(s.groups, groups) }

// of returns the statistics of a group.
func (s *distributions) of(group int32) *statistics {
	if s.groups[group] == nil {
		s.groups[group] = &statistics{}
	}
	return s.groups[group]
}

func (s *distributions) add(b *format.Batch, _, groups []int32) {
	column, flags := b.Column(s.column).I64[:len(groups)], flagsOf(b, schema.FlagBefore)
	for row, group := range groups { // all rows, because where is nil
		of := s.of(group)
		if flags != nil && flags[row]&schema.FlagBefore != 0 {
			of.addBound(column[row])
			continue
		}
		if of.add(column[row]) && len(of.histogram.pages) > 1 { // one is in groupBytes
			s.taken.add(2 * pageBytes) // with what is allocated for more
		}
	}
}

func (s *distributions) merge(to int32, o accumulator, from int32) {
	switch added := o.(*distributions).groups[from]; {
	case added == nil:
	case s.groups[to] == nil:
		s.groups[to] = added
	default:
		s.groups[to].merge(added)
	}
}

// statistics are the statistics of the values of one group.
type statistics struct {
	count, total int64
	min, max     int64
	unknown      int64                             // values that are not known
	bounds       struct{ count, total, max int64 } // of values of which only a lower bound is known
	histogram    histogram
}

// add adds a duration; a negative one is not known. It reports whether that takes another page of the histogram.
func (s *statistics) add(n int64) (newPage bool) {
	if n < 0 {
		s.unknown++
		return false
	}
	if s.count == 0 {
		s.min = n
	}
	s.count++
	s.total = Add(s.total, n)
	s.min, s.max = min(s.min, n), max(s.max, n)
	return s.histogram.add(uint64(n))
}

// addBound adds a lower bound of a duration.
func (s *statistics) addBound(n int64) {
	if n < 0 {
		s.unknown++
		return
	}
	s.bounds.count++
	s.bounds.total = Add(s.bounds.total, n)
	s.bounds.max = max(s.bounds.max, n)
}

func (s *statistics) merge(o *statistics) {
	if s.count == 0 || o.count > 0 && o.min < s.min {
		s.min = o.min
	}
	s.count += o.count
	s.total = Add(s.total, o.total)
	s.max = max(s.max, o.max)
	s.unknown += o.unknown
	s.bounds.count += o.bounds.count
	s.bounds.total = Add(s.bounds.total, o.bounds.total)
	s.bounds.max = max(s.bounds.max, o.bounds.max)
	s.histogram.merge(&o.histogram)
}

// known returns n, or Unknown if nothing is known of any value.
func (s *statistics) known(n int64) int64 {
	if s.count+s.bounds.count == 0 {
		return Unknown
	}
	return n
}

func (s *statistics) mean() int64 { return quotient(s.total, s.count) }

func (s *statistics) percentile(percent int64) int64 {
	switch rank := rankOf(percent, s.count); {
	case s.count == 0:
		return Unknown
	case rank <= 1:
		return s.min
	case rank == s.count:
		return s.max
	default:
		return min(max(int64(s.histogram.ranked(rank)), s.min), s.max)
	}
}

// rankOf is percent*n/100, rounded up.
func rankOf(percent, n int64) int64 { return n/100*percent + (n%100*percent+99)/100 }
