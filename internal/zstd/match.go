// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

type word interface{ uint32 | uint64 }

// matcher finds the sequences of a block.
type matcher struct {
	seqs     []sequence
	literals []byte
	recent   [3]uint32 // the last distances, in bytes
	anchor   int       // end of the last sequence in the column, in bytes

	whole [1 << wholeBits]int32 // by hash of a value: its last index in the column, plus 1
	upper [1 << upperBits]int32 // the same by hash of its upper bytes
}

const (
	wholeBits = 12
	upperBits = 11
)

// reset prepares m for another column.
func (m *matcher) reset() {
	m.recent = [3]uint32{1, 4, 8}
	m.anchor = 0
	clear(m.whole[:])
	clear(m.upper[:])
}

// emit appends a sequence: the bytes from the anchor to at as literals, and a match of length bytes, which are the same
// as distance bytes before.
func (m *matcher) emit(all []byte, at, length, distance int) {
	lits := at - m.anchor
	if lits == 0 && len(m.seqs) > 0 && uint32(distance) == m.recent[0] {
		m.seqs[len(m.seqs)-1].match += uint32(length) // continues the last match
		m.anchor = at + length
		return
	}
	m.literals = append(m.literals, all[m.anchor:at]...)
	m.seqs = append(m.seqs, sequence{uint32(lits), uint32(length), m.offset(uint32(distance), lits == 0)})
	m.anchor = at + length
}

// offset returns the offset value of distance d (RFC 8878, 3.1.1.5), and makes d the most recent one. If a sequence has
// no literals, its distance cannot be the most recent one, so 1 and 2 stand for the second and the third, and 3 for the
// most recent one less 1.
func (m *matcher) offset(d uint32, noLiterals bool) uint32 {
	r := &m.recent
	switch {
	case d == r[0] && !noLiterals:
		return 1
	case d == r[1]:
		r[0], r[1] = r[1], r[0]
		if noLiterals {
			return 1
		}
		return 2
	case d == r[2]:
		r[0], r[1], r[2] = r[2], r[0], r[1]
		if noLiterals {
			return 2
		}
		return 3
	case noLiterals && d == r[0]-1:
		r[0], r[1], r[2] = d, r[0], r[1]
		return 3
	}
	r[0], r[1], r[2] = d, r[0], r[1]
	return d + 3
}

// match finds the sequences of the values from..to-1 of a column. A match may refer to earlier blocks.
func match[T word](m *matcher, column []T, all []byte, from, to int) {
	var zero T
	width := int(unsafe.Sizeof(zero))
	m.seqs, m.literals, m.anchor = m.seqs[:0], m.literals[:0], from*width
	period := 1 // distance of the last match of whole values, in values
	misses := 0 // look-ups of whole values in a row without a match
	i := from
	if i == 0 {
		m.whole[hash(column[0], wholeBits)] = 1
		m.upper[hash(upperOf(column[0]), upperBits)] = 1
		i = 1
	}
	for i < to {
		value := column[i]
		prev := column[i-1]
		if value == prev {
			n := run(column, i, to, 1)
			m.emit(all, i*width, n*width, width)
			i += n
			continue
		}
		same := sameUpper(value, prev) // how many upper bytes are those of the previous value
		seen := -1                     // index at which the value may have been before
		if (misses < maxMisses || i&7 == 0) && i+1 < to {
			seen = lookUpWhole(m, column, i, width-same)
			misses++
		}
		if period > 1 && i >= period && column[i-period] == value {
			n := run(column, i, to, period)
			m.emit(all, i*width, n*width, period*width)
			i += n
			continue
		}
		if seen >= 0 && column[seen] == value {
			n := run(column, i, to, i-seen)
			if worthIt[T](n, same) {
				misses = 0
				period = i - seen
				m.emit(all, i*width, n*width, period*width)
				i += n
				continue
			}
		}
		distance := 1
		if period > 1 && i >= period {
			if s := sameUpper(value, column[i-period]); s > same+1 {
				same, distance = s, period
			}
		}
		if width == 8 && same < minUpper {
			same, distance = lookUpUpper(m, column, i, same, distance)
		}
		if same >= minMatch {
			emitUpper(m, all, value, i, same, distance)
		}
		i++
	}
	m.literals = append(m.literals, all[m.anchor:to*width]...)
}

// lookUpWhole returns the index at which value i may have been before, or -1, and stores i; the caller compares, since
// hashes collide. differing is how many lower bytes differ from the previous value. If these are few the value is short
// anyway, and a new distance pays only if the next value, which must exist, is the same too.
func lookUpWhole[T word](m *matcher, column []T, i, differing int) int {
	key := uint64(column[i])
	if differing < 3 {
		key += uint64(column[i+1]) * 0x9fb21c651e98df25
	}
	w := &m.whole[hash(key, wholeBits)]
	seen := int(*w) - 1
	*w = int32(i + 1)
	return seen
}

// lookUpUpper stores i for the upper bytes of value i. If an earlier value has minUpper or more of them, it returns how
// many and the distance in values, else same and distance as given.
func lookUpUpper[T word](m *matcher, column []T, i, same, distance int) (int, int) {
	u := &m.upper[hash(upperOf(column[i]), upperBits)]
	if j := int(*u) - 1; j >= 0 {
		if s := sameUpper(column[i], column[j]); s >= minUpper {
			same, distance = s, i-j
		}
	}
	*u = int32(i + 1)
	return same, distance
}

// emitUpper appends a sequence whose match is the same upper bytes of value i, which is value.
func emitUpper[T word](m *matcher, all []byte, value T, i, same, distance int) {
	width := int(unsafe.Sizeof(value))
	if same == width || m.anchor != i*width || distance*width != int(m.recent[0]) {
		m.emit(all, (i+1)*width-same, same, distance*width)
		return
	}
	// The same as emit, for the case that is by far the most frequent.
	lits := width - same
	n := len(m.literals)
	m.literals = binary.LittleEndian.AppendUint64(m.literals, uint64(value))[:n+lits]
	m.seqs = append(m.seqs, sequence{uint32(lits), uint32(same), 1})
	m.anchor += width
}

// maxMisses is after how many look-ups without a match only one value in eight is looked up.
const maxMisses = 128

// minUpper is from how many upper bytes on a match is worth the cost of a new distance.
const minUpper = 5

// worthIt reports whether a match of n values at a new distance, which costs about two bytes, is shorter than n values
// of which only the upper bytes are matched, same of them in the first.
func worthIt[T word](n, same int) bool {
	var zero T
	width := int(unsafe.Sizeof(zero))
	if width == 4 {
		return n >= 4 || n*(4-same) >= 4
	}
	return n >= 2 || width-same >= 3
}

// run returns how many values, from i on and before to, equal the one distance values before. The first one does.
func run[T word](column []T, i, to, distance int) int {
	a, b := column[i:to], column[i-distance:to-distance]
	n := 1
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// sameUpper returns how many upper bytes of two different values are the same.
func sameUpper[T word](a, b T) int {
	if unsafe.Sizeof(a) == 8 {
		return bits.LeadingZeros64(uint64(a^b)) >> 3
	}
	return bits.LeadingZeros32(uint32(a^b)) >> 3
}

func upperOf[T word](value T) T { return value >> 16 }

// hash returns a hash of n bits.
func hash[T word](value T, n int) uint64 { return uint64(value) * 0x9e3779b97f4a7c15 >> (64 - n) }
