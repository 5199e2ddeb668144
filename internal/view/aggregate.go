// SPDX-License-Identifier: Apache-2.0

package view

import "github.com/fletch-trace/fletch/format"

// aggregate is what is computed over the rows of each group. It is identified by its address: an aggregate that several
// values use is computed once.
type aggregate interface {
	columns() []string // that accumulators read, besides those of where
	where() *Condition // the rows that are aggregated
	// bind makes an accumulator for the rows of one capture that one worker reads. If s is nil, others are merged into
	// the accumulator, and add is never called.
	bind(s *Source) (accumulator, error)
}

// accumulator has the state of an aggregate for each group, by the number of the group.
type accumulator interface {
	grow(groups int)   // makes room for at least so many groups
	groupBytes() int64 // what a group takes of memory at first
	// grown is how many bytes groups have taken since the last call, besides groupBytes.
	grownBytes() int64
	// add adds these rows of a batch. groups has the number of the group of each row of the batch, by row.
	add(b *format.Batch, rows, groups []int32)
	// merge adds group `from` of o, an accumulator of the same aggregate, to group `to`.
	merge(to int32, o accumulator, from int32)
}

// Value is a result for each group that is computed from aggregates: a Number or *Failures.
type Value interface{ aggregates() []aggregate }

// Number is a Value that is one integer.
type Number interface {
	Value
	Of(g *Group) int64
}

// number is a Number that a function computes from the accumulators of the needed aggregates.
type number struct {
	of    func(g *Group) int64
	needs []aggregate
}

func (n *number) Of(g *Group) int64       { return n.of(g) }
func (n *number) aggregates() []aggregate { return n.needs }

// Plus is the sum of several numbers. Those below 0, which are unknown, count as 0.
func Plus(numbers ...Number) Number {
	sum := &number{of: func(g *Group) (n int64) {
		for _, number := range numbers {
			n = Add(n, max(number.Of(g), 0))
		}
		return n
	}}
	for _, n := range numbers {
		sum.needs = append(sum.needs, n.aggregates()...)
	}
	return sum
}

// Mean is total divided by count, and Unknown if count is 0 or the total is too large.
func Mean(total, count Number) Number {
	return &number{func(g *Group) int64 {
		return quotient(total.Of(g), count.Of(g))
	}, append(total.aggregates(), count.aggregates()...)}
}

// MeanOf is the mean of a column of durations over the rows that satisfy a condition, of those that are known exactly.
// It is Unknown if none is.
func MeanOf(column string, where *Condition) Number {
	known := exactly(column)
	if where != nil {
		known = where.And(known)
	}
	return Mean(Sum(column, known), Count(known))
}
