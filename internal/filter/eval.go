// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"math"
	"math/bits"
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// refine takes from sel the rows that do not match. Rows already out are not
// looked at one by one, so what is cheap goes first.
func (b *Bound) refine(s *step, batch *format.Batch, sel []uint64, depth int) {
	switch s.op {
	case opConst:
		if !s.value {
			clear(sel)
		}
	case opLeaf:
		b.compare(s, batch, sel)
	case opAnd:
		for _, k := range s.kids {
			b.refine(k, batch, sel, depth)
			if !anySet(sel) {
				return
			}
		}
	case opOr:
		for len(b.scratch) < 2*depth+2 {
			b.scratch = append(b.scratch, nil)
		}
		// rest: not yet found by a kid; try: what one kid makes of it.
		rest := append(b.scratch[2*depth][:0], sel...)
		try := b.scratch[2*depth+1]
		for _, k := range s.kids {
			try = append(try[:0], rest...)
			b.refine(k, batch, try, depth+1)
			for i := range rest {
				rest[i] &^= try[i]
			}
			if !anySet(rest) {
				break
			}
		}
		for i := range sel {
			sel[i] &^= rest[i]
		}
		b.scratch[2*depth], b.scratch[2*depth+1] = rest, try
	}
}

func anySet(sel []uint64) bool {
	for _, w := range sel {
		if w != 0 {
			return true
		}
	}
	return false
}

func (b *Bound) compare(s *step, batch *format.Batch, sel []uint64) {
	v := batch.Column(s.column)
	if v == nil || v.Type != s.typ {
		if !s.not {
			clear(sel)
		}
		return
	}
	var turn uint64 // xor of the outcome
	if s.not {
		turn = ^uint64(0)
	}
	switch s.source {
	case sourceNumber:
		n := s.leaf.numbers
		if n.not {
			turn = ^turn
		}
		switch {
		case n.values != nil:
			each(sel, turn, func(i int) bool { return within(n, at(v, i)) })
		case v.Type == format.Int32:
			rangeInt32(v.I32[:batch.Rows], n.lo, n.hi, turn, sel)
		default:
			rangeInt64(v.I64[:batch.Rows], n.lo, n.hi, turn, sel)
		}
	case sourcePair:
		w := batch.Column(s.other)
		if w == nil || !isNumber(w.Type) {
			if !s.not {
				clear(sel)
			}
			return
		}
		less, equal, more := order(s.leaf.op)
		each(sel, turn, func(i int) bool {
			x, y := at(v, i), at(w, i)
			return x < y && less || x == y && equal || x > y && more
		})
	case sourceText:
		each(sel, turn, func(i int) bool { return s.leaf.texts.has(v.Str.Bytes(i)) })
	case sourceList:
		if s.leaf.member {
			each(sel, turn, func(i int) bool {
				for e := v.Rows[i]; e < v.Rows[i+1]; e++ {
					if s.leaf.texts.has(v.Str.Bytes(int(e))) {
						return true
					}
				}
				return false
			})
			return
		}
		each(sel, turn, func(i int) bool {
			b.line = b.line[:0]
			for e := v.Rows[i]; e < v.Rows[i+1]; e++ {
				if e > v.Rows[i] {
					b.line = append(b.line, ' ')
				}
				b.line = append(b.line, v.Str.Bytes(int(e))...)
			}
			return s.leaf.texts.has(b.line)
		})
	default:
		b.byID(s, v.I32[:batch.Rows], turn, sel)
	}
}

// at returns number i of a column.
func at(v *format.Vector, i int) int64 {
	if v.Type == format.Int32 {
		return int64(v.I32[i])
	}
	return v.I64[i]
}

// within is has without regard to not.
func within(n *numbers, x int64) bool {
	if x < n.lo || x > n.hi {
		return false
	}
	if len(n.values) <= 8 {
		return slices.Contains(n.values, x)
	}
	_, ok := slices.BinarySearch(n.values, x)
	return ok
}

// order returns which outcomes of a comparison an operator accepts.
func order(op string) (less, equal, more bool) {
	switch op {
	case "==":
		return false, true, false
	case "!=":
		return true, false, true
	case "<":
		return true, false, false
	case "<=":
		return true, true, false
	case ">":
		return false, false, true
	}
	return false, true, true
}

// each asks for every row of sel.
func each(sel []uint64, turn uint64, has func(i int) bool) {
	for w, word := range sel {
		var out uint64
		for left := word; left != 0; left &= left - 1 {
			j := bits.TrailingZeros64(left)
			if has(w*64 + j) {
				out |= 1 << j
			}
		}
		sel[w] = word & (out ^ turn)
	}
}

// rangeInt64 keeps the rows whose value lies between lo and hi: one comparison
// without a branch for each, as the difference to lo wraps round.
func rangeInt64(column []int64, lo, hi int64, turn uint64, sel []uint64) {
	from, span := uint64(lo), uint64(hi)-uint64(lo)
	for w, word := range sel {
		if word == 0 {
			continue
		}
		rows := column[w*64:]
		if len(rows) > 64 {
			rows = rows[:64]
		}
		var out uint64
		for j, x := range rows {
			var in uint64
			if uint64(x)-from <= span {
				in = 1
			}
			out |= in << (j & 63)
		}
		sel[w] = word & (out ^ turn)
	}
}

func rangeInt32(column []int32, lo, hi int64, turn uint64, sel []uint64) {
	if lo > math.MaxInt32 || hi < math.MinInt32 {
		for w := range sel {
			sel[w] &= turn
		}
		return
	}
	from, to := int32(max(lo, math.MinInt32)), int32(min(hi, math.MaxInt32))
	span := uint32(to) - uint32(from)
	for w, word := range sel {
		if word == 0 {
			continue
		}
		rows := column[w*64:]
		if len(rows) > 64 {
			rows = rows[:64]
		}
		var out uint64
		for j, x := range rows {
			var in uint64
			if uint32(x)-uint32(from) <= span {
				in = 1
			}
			out |= in << (j & 63)
		}
		sel[w] = word & (out ^ turn)
	}
}

// byID keeps the rows whose id leads to a match. Each id is asked for once.
func (b *Bound) byID(s *step, ids []int32, turn uint64, sel []uint64) {
	for w, word := range sel {
		var out uint64
		for left := word; left != 0; left &= left - 1 {
			j := bits.TrailingZeros64(left)
			id := ids[w*64+j]
			v := unasked
			if uint32(id) < uint32(len(s.memory.table)) {
				v = s.memory.table[id]
			}
			if v == match || v == unasked && b.first(s, id) {
				out |= 1 << j
			}
		}
		sel[w] = word & (out ^ turn)
	}
}

// first answers for an id that is not in the table.
func (b *Bound) first(s *step, id int32) bool {
	if m, ok := s.memory.far[id]; ok {
		return m
	}
	m, ok := b.ask(s, id)
	if ok {
		s.memory.keep(id, m)
	}
	return m
}
