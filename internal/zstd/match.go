// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

type word interface{ uint32 | uint64 }

// A matcher finds the sequences of a block.
type matcher struct {
	seqs     []sequence
	literals []byte
	recent   [3]uint32 // the last distances, bytes
	anchor   int       // where in the column the literals not yet taken begin, bytes

	whole [1 << wholeBits]int32 // where a value was last seen, plus 1
	upper [1 << upperBits]int32 // where a value of these upper bytes was
}

const (
	wholeBits = 12
	upperBits = 11
)

// begin forgets the column before.
func (m *matcher) begin() {
	m.recent = [3]uint32{1, 4, 8}
	m.anchor = 0
	clear(m.whole[:])
	clear(m.upper[:])
}

// emit ends a sequence: what is between the anchor and at is literals, and length bytes from there are as distance
// bytes before.
func (m *matcher) emit(all []byte, at, length, distance int) {
	lits := at - m.anchor
	if lits == 0 && len(m.seqs) > 0 && uint32(distance) == m.recent[0] {
		m.seqs[len(m.seqs)-1].match += uint32(length) // the one before goes on
		m.anchor = at + length
		return
	}
	m.literals = append(m.literals, all[m.anchor:at]...)
	m.seqs = append(m.seqs, sequence{uint32(lits), uint32(length), m.offset(uint32(distance), lits == 0)})
	m.anchor = at + length
}

// offset is the code value of a distance (RFC 8878, 3.1.1.5), which becomes the most recent one. Without literals the
// most recent one cannot be meant, so the numbers move up.
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

// match finds the sequences of the values from..to of a column. A match reaches back into the blocks before.
func match[T word](m *matcher, column []T, all []byte, from, to int) {
	var zero T
	width := int(unsafe.Sizeof(zero))
	m.seqs, m.literals, m.anchor = m.seqs[:0], m.literals[:0], from*width
	period := 1 // the last distance that a whole value repeated at, in values
	misses := 0 // values not seen before, in a row
	i := from
	if i == 0 {
		m.whole[hash(column[0], wholeBits)] = 1
		m.upper[hash(upperOf(column[0]), upperBits)] = 1
		i = 1
	}
	for i < to {
		x := column[i]
		prev := column[i-1]
		if x == prev {
			n := run(column, i, to, 1)
			m.emit(all, i*width, n*width, width)
			i += n
			continue
		}
		same := sameUpper(x, prev) // upper bytes that are those of the value before
		seen := -1                 // where the value was last
		if (misses < patience || i&7 == 0) && i+1 < to {
			seen = lookUpWhole(m, column, i, width-same)
			misses++
		}
		if period > 1 && i >= period && column[i-period] == x {
			n := run(column, i, to, period)
			m.emit(all, i*width, n*width, period*width)
			i += n
			continue
		}
		if seen >= 0 && column[seen] == x {
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
			if s := sameUpper(x, column[i-period]); s > same+1 {
				same, distance = s, period
			}
		}
		if width == 8 && same < minUpper {
			same, distance = lookUpUpper(m, column, i, same, distance)
		}
		if same >= minMatch {
			emitUpper(m, all, x, i, same, distance)
		}
		i++
	}
	m.literals = append(m.literals, all[m.anchor:to*width]...)
}

// lookUpWhole returns where value i may have been last, or -1, and notes where it is now; the caller compares. open is
// how many bytes differ from the value before. Where they are few, the value is cheap alone, and a new distance pays
// only if the next value, which there must be, is the same too.
func lookUpWhole[T word](m *matcher, column []T, i, open int) int {
	key := uint64(column[i])
	if open < 3 {
		key += uint64(column[i+1]) * 0x9fb21c651e98df25
	}
	w := &m.whole[hash(key, wholeBits)]
	seen := int(*w) - 1
	*w = int32(i + 1)
	return seen
}

// lookUpUpper returns how many upper bytes of value i are those of an earlier one, and its distance in values, if they
// are minUpper or more; else same and distance as given. It notes where these upper bytes are now.
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

// emitUpper ends a sequence with the upper bytes of value i, which is x.
func emitUpper[T word](m *matcher, all []byte, x T, i, same, distance int) {
	width := int(unsafe.Sizeof(x))
	if same == width || m.anchor != i*width || distance*width != int(m.recent[0]) {
		m.emit(all, (i+1)*width-same, same, distance*width)
		return
	}
	// What emit does, in the case that is by far the most frequent one.
	lits := width - same
	n := len(m.literals)
	m.literals = binary.LittleEndian.AppendUint64(m.literals, uint64(x))[:n+lits]
	m.seqs = append(m.seqs, sequence{uint32(lits), uint32(same), 1})
	m.anchor += width
}

// patience is how many values in a row are looked for in vain before only one in eight is.
const patience = 128

// minUpper is how many upper bytes make a match at a new distance worth its cost.
const minUpper = 5

// worthIt says whether a match of n values at a new distance, which costs about two bytes, is shorter than the values
// with only the upper bytes taken from the one before.
func worthIt[T word](n, same int) bool {
	var zero T
	width := int(unsafe.Sizeof(zero))
	if width == 4 {
		return n >= 4 || n*(4-same) >= 4
	}
	return n >= 2 || width-same >= 3
}

// run is how many values from i on, before to, are those distance values before.
func run[T word](column []T, i, to, distance int) int {
	a, b := column[i:to], column[i-distance:to-distance]
	n := 1
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// sameUpper is how many upper bytes of two different values are the same.
func sameUpper[T word](a, b T) int {
	if unsafe.Sizeof(a) == 8 {
		return bits.LeadingZeros64(uint64(a^b)) >> 3
	}
	return bits.LeadingZeros32(uint32(a^b)) >> 3
}

func upperOf[T word](x T) T { return x >> 16 }

func hash[T word](x T, n int) uint64 { return uint64(x) * 0x9e3779b97f4a7c15 >> (64 - n) }
