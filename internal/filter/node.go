// SPDX-License-Identifier: Apache-2.0

package filter

import "math"

type operation uint8

const (
	opConst operation = iota
	opAnd
	opOr
	opLeaf
)

// node is an expression in negation normal form: only comparisons are negated.
type node struct {
	op       operation
	value    bool // opConst
	children []*node
	leaf     *leaf
	not      bool // opLeaf: the result of the comparison is negated
}

// fold evaluates an expression in three-valued logic. of returns what is known of a comparison.
func (n *node) fold(of func(*leaf) truth) truth {
	switch n.op {
	case opConst:
		return truthOf(n.value)
	case opLeaf:
		v := of(n.leaf)
		if v == maybe || !n.not {
			return v
		}
		return truthOf(v == no)
	}
	decisive := truthOf(n.op == opOr)
	all := truthOf(n.op == opAnd)
	for _, k := range n.children {
		switch v := k.fold(of); v {
		case decisive:
			return v
		case maybe:
			all = maybe
		}
	}
	return all
}

// truth is what is known of a condition before rows are read.
type truth uint8

const (
	maybe truth = iota
	no
	yes
)

func truthOf(v bool) truth {
	if v {
		return yes
	}
	return no
}

// times returns the range of ts outside of which no row can match; see Program.TimeRange.
func (n *node) times() (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	switch n.op {
	case opConst:
		if !n.value {
			return to, from
		}
	case opLeaf:
		if n.leaf.name != "ts" || n.leaf.numbers == nil {
			return from, to
		}
		s := n.leaf.numbers
		switch inside := n.leaf.not == n.not; {
		case inside:
			return s.lo, s.hi
		case s.full():
			return to, from
		case s.empty() || s.values != nil: // a hole in the middle is no bound
		case s.lo == math.MinInt64:
			return s.hi + 1, to
		case s.hi == math.MaxInt64:
			return from, s.lo - 1
		}
	case opAnd:
		for _, k := range n.children {
			f, t := k.times()
			from, to = max(from, f), min(to, t)
		}
	case opOr:
		from, to = to, from
		for _, k := range n.children {
			if f, t := k.times(); f <= t {
				from, to = min(from, f), max(to, t)
			}
		}
	}
	return from, to
}
