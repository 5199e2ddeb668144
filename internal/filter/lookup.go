// SPDX-License-Identifier: Apache-2.0

package filter

import "math/bits"

// byID keeps the rows whose id leads to a match. Each id is asked for once.
func (b *Bound) byID(s *step, ids []int32, turn uint64, sel []uint64) {
	for w, word := range sel {
		if word == 0 {
			continue
		}
		rows := ids[w*64 : min(w*64+64, len(ids))]
		table := s.memory.table
		var out, unknown uint64
		for j, id := range rows {
			v := unasked
			if uint32(id) < uint32(len(table)) {
				v = table[id]
			}
			out |= uint64(v>>1) << (j & 63)
			unknown |= bit(v == unasked) << (j & 63)
		}
		for left := unknown & word; left != 0; left &= left - 1 {
			j := bits.TrailingZeros64(left)
			out |= bit(b.first(s, rows[j])) << j
		}
		sel[w] = word & (out ^ turn)
	}
}

// first answers for an id of which the table said nothing.
func (b *Bound) first(s *step, id int32) bool {
	if uint32(id) < uint32(len(s.memory.table)) && s.memory.table[id] != unasked {
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
func (b *Bound) ask(s *step, id int32) (match, ok bool) {
	l := s.leaf
	texts := func(s string) bool {
		b.line = append(b.line[:0], s...)
		return l.texts.has(b.line) != l.not
	}
	numbers := func(x int64) bool { return l.numbers.has(x) != l.not }
	switch s.source {
	case sourceCall:
		return texts(b.env.SyscallName(id)), true
	case sourcePath:
		name, ok := b.env.Path(id)
		return ok && texts(name), ok
	}
	t, ok := b.env.Task(id)
	if !ok {
		return false, false
	}
	switch l.name {
	case "comm":
		return texts(t.Comm), true
	case "exe":
		return texts(t.Exe), true
	case "tid":
		return numbers(int64(t.TID)), true
	case "pid":
		return numbers(int64(t.PID)), true
	case "ppid":
		return numbers(int64(t.PPID)), true
	case "uid":
		return numbers(t.UID), true
	case "gid":
		return numbers(t.GID), true
	case "cgroup":
		if l.numbers != nil {
			return numbers(t.Cgroup), true
		}
	}
	g, ok := b.env.Cgroup(t.Cgroup)
	if !ok {
		return false, false
	}
	if l.name == "container" {
		return texts(g.Container), true
	}
	return texts(g.Name), true
}
