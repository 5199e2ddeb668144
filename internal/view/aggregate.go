// SPDX-License-Identifier: Apache-2.0

package view

import "github.com/fletch-trace/fletch/format"

// aggregate is what is counted of the rows of each group. Its address stands for it: one that is used twice is counted
// once.
type aggregate interface {
	columns() []string
	where() *Condition
	// bind makes it ready for a capture and one worker. The result of no capture is only merged into.
	bind(s *Source) (accumulator, error)
}

// accumulator holds what one worker counted, by the number of the group.
type accumulator interface {
	grow(groups int)
	// add counts these rows of a batch, whose groups have the numbers groups.
	add(b *format.Batch, rows, groups []int32)
	// merge adds to the group `to` what the group `from` of o has, which is of the same aggregate.
	merge(to int32, o accumulator, from int32)
}

// Value is what is counted of each group: a Number, or several.
type Value interface{ aggregates() []aggregate }

// Number is a number of each group.
type Number interface {
	Value
	Of(g *Group) int64
}

// number is a Number that is computed from aggregates.
type number struct {
	of    func(g *Group) int64
	needs []aggregate
}

func (n *number) Of(g *Group) int64       { return n.of(g) }
func (n *number) aggregates() []aggregate { return n.needs }

// Plus is a sum of numbers.
func Plus(numbers ...Number) Number {
	sum := &number{of: func(g *Group) (n int64) {
		for _, number := range numbers {
			n += number.Of(g)
		}
		return n
	}}
	for _, n := range numbers {
		sum.needs = append(sum.needs, n.aggregates()...)
	}
	return sum
}

// Mean is total divided by count, 0 where count is.
func Mean(total, count Number) Number {
	return &number{func(g *Group) int64 { return total.Of(g) / max(count.Of(g), 1) },
		append(total.aggregates(), count.aggregates()...)}
}
