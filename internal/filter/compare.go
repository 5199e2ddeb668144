// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"math/bits"
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// compare removes the rows from sel for which the comparison of s is false.
func (b *Bound) compare(s *step, batch *format.Batch, sel []uint64) {
	v := batch.Column(s.column.Name)
	if v == nil || v.Type != s.column.Type {
		if !s.not {
			clear(sel)
		}
		return
	}
	var invert uint64 // is xored with the outcome: all ones for a negated comparison
	if s.not != s.leaf.not {
		invert = ^uint64(0)
	}
	switch s.source {
	case sourceNumber:
		if v.Type == format.Int32 {
			member(v.I32[:batch.Rows], s.leaf.numbers, invert, sel)
		} else {
			member(v.I64[:batch.Rows], s.leaf.numbers, invert, sel)
		}
	case sourceText:
		filterRows(sel, invert, func(i int) bool { return s.leaf.holds(v, i, &b.line) })
	case sourcePair:
		b.comparePair(s, batch, invert, sel)
	default: // cached results include leaf.not
		invert = 0
		if s.not {
			invert = ^invert
		}
		if v.Type == format.Int32 {
			byID(b, s, v.I32[:batch.Rows], invert, sel)
		} else {
			byID(b, s, v.I64[:batch.Rows], invert, sel)
		}
	}
}

// comparePair removes rows for which left op right is false.
func (b *Bound) comparePair(s *step, batch *format.Batch, invert uint64, sel []uint64) {
	for _, o := range []*operand{s.left, s.right} {
		v := batch.Column(o.column.Name)
		if o.source != sourceTable && (v == nil || v.Type != o.column.Type) {
			if !s.not {
				clear(sel)
			}
			return
		}
	}
	if s.left.source != sourceNumber || s.right.source != sourceNumber {
		filterRows(sel, invert, func(i int) bool { return b.pairOf(s, batch, i) })
		return
	}
	compareNumbers(batch.Column(s.left.column.Name), batch.Column(s.right.column.Name), batch.Rows, s.leaf.pair.op,
		invert, sel)
}

// compareNumbers removes rows for which v op w is false.
func compareNumbers(v, w *format.Vector, rows int, op string, invert uint64, sel []uint64) {
	switch {
	case v.Type == format.Int32 && w.Type == format.Int32:
		compareEach(v.I32[:rows], w.I32[:rows], op, invert, sel)
	case v.Type == format.Int32:
		compareEach(v.I32[:rows], w.I64[:rows], op, invert, sel)
	case w.Type == format.Int32:
		compareEach(v.I64[:rows], w.I32[:rows], op, invert, sel)
	default:
		compareEach(v.I64[:rows], w.I64[:rows], op, invert, sel)
	}
}

// filterRows removes rows from sel by a predicate, which is called for each of them.
func filterRows(sel []uint64, invert uint64, has func(i int) bool) {
	for w, word := range sel {
		var out uint64
		for left := word; left != 0; left &= left - 1 {
			j := bits.TrailingZeros64(left)
			if has(w*64 + j) {
				out |= 1 << j
			}
		}
		sel[w] = word & (out ^ invert)
	}
}

// The loops below evaluate 64 rows at a time, without branches that depend on values.

// member keeps the rows whose number is in a set.
func member[T int32 | int64](column []T, n *numbers, invert uint64, sel []uint64) {
	// The difference to lo wraps around, so one comparison checks both bounds.
	from, span := uint64(n.lo), uint64(n.hi)-uint64(n.lo)
	for w, word := range sel {
		if word == 0 {
			continue
		}
		var out uint64
		for j, x := range column[w*64 : min(w*64+64, len(column))] {
			out |= bit(uint64(int64(x))-from <= span) << (j & 63)
		}
		if n.values != nil && out&word != 0 {
			out = members(column[w*64:], n, out&word)
		}
		sel[w] = word & (out ^ invert)
	}
}

// members returns which of the up to 64 rows in word have a number in n.values.
func members[T int32 | int64](column []T, n *numbers, word uint64) uint64 {
	var out uint64
	for left := word; left != 0; left &= left - 1 {
		j := bits.TrailingZeros64(left)
		x := int64(column[j])
		if len(n.values) > 8 {
			_, ok := slices.BinarySearch(n.values, x)
			out |= bit(ok) << j
			continue
		}
		var in uint64
		for _, v := range n.values {
			in |= bit(v == x)
		}
		out |= in << j
	}
	return out
}

// compareEach keeps the rows for which x op y is true.
func compareEach[T, U int32 | int64](x []T, y []U, op string, invert uint64, sel []uint64) {
	var less, equal, more uint64 // which of the three outcomes op accepts
	switch op {
	case "==":
		equal = 1
	case "!=":
		less, more = 1, 1
	case "<":
		less = 1
	case "<=":
		less, equal = 1, 1
	case ">":
		more = 1
	case ">=":
		equal, more = 1, 1
	}
	for w, word := range sel {
		if word == 0 {
			continue
		}
		var out uint64
		ys := y[w*64:]
		for j, x := range x[w*64 : min(w*64+64, len(x))] {
			x, y := int64(x), int64(ys[j])
			out |= (less&bit(x < y) | equal&bit(x == y) | more&bit(x > y)) << (j & 63)
		}
		sel[w] = word & (out ^ invert)
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
