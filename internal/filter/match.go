// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"bytes"
	"math"
	"regexp"
	"slices"
)

// numbers is a set of integers: those from lo to hi, both included, or if
// values (sorted) are given only those; with not, all others.
type numbers struct {
	lo, hi int64
	values []int64
	not    bool
}

func (n *numbers) has(x int64) bool {
	in := n.lo <= x && x <= n.hi
	if in && n.values != nil {
		_, in = slices.BinarySearch(n.values, x)
	}
	return in != n.not
}

// constant returns what has says of every integer, if it is the same.
func (n *numbers) constant() (value, ok bool) {
	switch {
	case n.lo > n.hi:
		return n.not, true
	case n.lo == math.MinInt64 && n.hi == math.MaxInt64 && n.values == nil:
		return !n.not, true
	}
	return false, false
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
	not    bool
}

func (t *texts) has(s []byte) bool {
	in := false
	switch t.op {
	case textIs:
		for _, w := range t.words {
			if bytes.Equal(s, w) {
				in = true
				break
			}
		}
	case textContains:
		in = bytes.Contains(s, t.words[0])
	case textStarts:
		in = bytes.HasPrefix(s, t.words[0])
	case textEnds:
		in = bytes.HasSuffix(s, t.words[0])
	case textMatches:
		in = t.regexp.Match(s)
	}
	return in != t.not
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
		return truthOf(l.texts.has([]byte(table)))
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
		if s.not == n.not {
			return s.lo, s.hi
		}
		switch { // all but those: a bound remains if they reach an end
		case s.lo > s.hi || s.values != nil:
		case s.lo == math.MinInt64 && s.hi == math.MaxInt64:
			return to, from
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
