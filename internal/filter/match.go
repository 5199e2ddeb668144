// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"bytes"
	"math"
	"regexp"
	"slices"
)

// numbers is a set of integers: those from lo to hi, both included, or if
// values (sorted) are given only those.
type numbers struct {
	lo, hi int64
	values []int64
}

func (n *numbers) has(x int64) bool {
	if x < n.lo || x > n.hi {
		return false
	}
	if n.values == nil {
		return true
	}
	_, ok := slices.BinarySearch(n.values, x)
	return ok
}

func (n *numbers) empty() bool { return n.lo > n.hi }

func (n *numbers) full() bool {
	return n.lo == math.MinInt64 && n.hi == math.MaxInt64 && n.values == nil
}

type textOp uint8

const (
	textIs textOp = iota // one of words
	textContains
	textStarts
	textEnds
	textMatches
)

// texts is a set of texts.
type texts struct {
	op     textOp
	words  [][]byte
	regexp *regexp.Regexp
}

func (t *texts) has(s []byte) bool {
	switch t.op {
	case textContains:
		return bytes.Contains(s, t.words[0])
	case textStarts:
		return bytes.HasPrefix(s, t.words[0])
	case textEnds:
		return bytes.HasSuffix(s, t.words[0])
	case textMatches:
		return t.regexp.Match(s)
	}
	for _, w := range t.words {
		if bytes.Equal(s, w) {
			return true
		}
	}
	return false
}

// truth is what is known of a condition before any row is seen.
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

// fold returns what is known of an expression from what is known of its leaves.
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
	for _, k := range n.kids {
		switch v := k.fold(of); v {
		case decisive:
			return v
		case maybe:
			all = maybe
		}
	}
	return all
}

// ofTable returns what the name of a table says of a comparison.
func (l *leaf) ofTable(table string) truth {
	if l.name == "family" && l.wants() == text {
		return truthOf(l.texts.has([]byte(table)) != l.not)
	}
	return maybe
}

// times returns the values of ts, from and to included, with which a row may match.
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
		for _, k := range n.kids {
			f, t := k.times()
			from, to = max(from, f), min(to, t)
		}
	case opOr:
		from, to = to, from
		for _, k := range n.kids {
			if f, t := k.times(); f <= t {
				from, to = min(from, f), max(to, t)
			}
		}
	}
	return from, to
}
