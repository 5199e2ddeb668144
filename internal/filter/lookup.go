// SPDX-License-Identifier: Apache-2.0

package filter

import "math/bits"

// byID keeps the rows whose id leads to a match. Each id is asked for once.
func byID[T int32 | int64](b *Bound, s *step, ids []T, turn uint64, sel []uint64) {
	for w, word := range sel {
		if word == 0 {
			continue
		}
		rows := ids[w*64 : min(w*64+64, len(ids))]
		table := s.memory.table
		var out, unknown uint64
		for j, id := range rows {
			v := unasked
			if uint64(id) < uint64(len(table)) {
				v = table[id]
			}
			out |= uint64(v>>1) << (j & 63)
			unknown |= bit(v == unasked) << (j & 63)
		}
		for left := unknown & word; left != 0; left &= left - 1 {
			j := bits.TrailingZeros64(left)
			out |= bit(b.first(s, int64(rows[j]))) << j
		}
		sel[w] = word & (out ^ turn)
	}
}

// first answers for an id of which the table said nothing.
func (b *Bound) first(s *step, id int64) bool {
	if uint64(id) < uint64(len(s.memory.table)) && s.memory.table[id] != unasked {
		return s.memory.table[id] == match
	}
	if m, ok := s.memory.far[id]; ok {
		return m
	}
	m, ok := b.ask(s, id)
	if ok {
		s.memory.keep(id, m)
	}
	return m
}

// ask evaluates a comparison for what an id leads to; ok is false if that is
// not known.
func (b *Bound) ask(s *step, id int64) (match, ok bool) {
	if s.source == sourceCall {
		b.line = append(b.line[:0], b.env.CallName(int32(id))...)
		return s.leaf.texts.has(b.line) != s.leaf.not, true
	}
	v, row, ok := s.join.follow(id)
	return ok && s.leaf.holds(v, row, &b.line) != s.leaf.not, ok
}
