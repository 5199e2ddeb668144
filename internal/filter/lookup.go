// SPDX-License-Identifier: Apache-2.0

package filter

import "math/bits"

// byID keeps the rows whose id leads to a match. Each known id is evaluated once.
func byID[T int32 | int64](b *Bound, s *step, ids []T, invert uint64, sel []uint64) {
	for w, word := range sel {
		if word == 0 {
			continue
		}
		rows := ids[w*64 : min(w*64+64, len(ids))]
		table := s.cache.dense
		var out, unknown uint64
		for j, id := range rows {
			v := notCached
			if uint64(id) < uint64(len(table)) {
				v = table[id]
			}
			out |= uint64(v>>1) << (j & 63)
			unknown |= bit(v == notCached) << (j & 63)
		}
		for left := unknown & word; left != 0; left &= left - 1 {
			j := bits.TrailingZeros64(left)
			out |= bit(b.lookUp(s, int64(rows[j]))) << j
		}
		sel[w] = word & (out ^ invert)
	}
}

// lookUp returns the result for an id that byID did not find in the cache, and caches it.
func (b *Bound) lookUp(s *step, id int64) bool {
	if uint64(id) < uint64(len(s.cache.dense)) && s.cache.dense[id] != notCached {
		return s.cache.dense[id] == match
	}
	if m, ok := s.cache.sparse[id]; ok {
		return m
	}
	m, ok := b.evaluate(s, id)
	if ok {
		s.cache.keep(id, m)
	}
	return m
}

// evaluate evaluates the comparison of s, including leaf.not, for what an id or system call number leads to. An unknown
// row reads as 0 and empty. known is false if it may become known later; nothing is ever known of id 0.
func (b *Bound) evaluate(s *step, id int64) (match, known bool) {
	switch s.source {
	case sourceCall:
		b.line = append(b.line[:0], b.env.CallName(int32(id))...)
		return s.leaf.texts.has(b.line) != s.leaf.not, true
	case sourceBoth:
		holds, known := b.bothOf(s, id)
		return holds != s.leaf.not, known
	}
	v, row, ok := s.join.follow(id)
	if !ok {
		return s.leaf.holdsNothing() != s.leaf.not, id == 0
	}
	return s.leaf.holds(v, row, &b.line) != s.leaf.not, true
}

// resultCache has results of evaluate by id. The ids of tasks and paths are numbered from 1 without gaps, so most
// results are in a slice. Of larger ids, of which only a hostile capture has millions, some are cached in a map.
type resultCache struct {
	dense  []cachedResult
	sparse map[int64]bool
}

type cachedResult uint8

const (
	notCached cachedResult = 0
	mismatch  cachedResult = 1
	match     cachedResult = 2 // byID relies on bit 1, which no other result has
)

const (
	maxDense  = 1 << 20
	maxSparse = 1 << 16
)

func (v *resultCache) keep(id int64, m bool) {
	if uint64(id) >= maxDense {
		if v.sparse == nil {
			v.sparse = map[int64]bool{}
		}
		if len(v.sparse) < maxSparse {
			v.sparse[id] = m
		}
		return
	}
	if n := int(id) + 1; n > len(v.dense) {
		v.dense = append(v.dense, make([]cachedResult, max(n, min(2*n, maxDense))-len(v.dense))...)
	}
	v.dense[id] = mismatch
	if m {
		v.dense[id] = match
	}
}
