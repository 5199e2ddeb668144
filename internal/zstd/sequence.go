// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A sequence is literals bytes as they are, then match bytes as they stood some distance before.
type sequence struct {
	literals, match uint32
	offset          uint32 // 1, 2, 3: one of the last distances; else the distance + 3
}

const minMatch = 3

// Codes of lengths: up to the first ones that need them, a code is a value; then each code stands for 1<<extra values
// from base on (RFC 8878, 3.1.1.3.2.1.1).
var (
	literalsCode [64]uint8
	matchCode    [128]uint8
	literalsBits = [36]uint8{16: 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	matchBits    = [53]uint8{32: 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
)

func init() {
	spread := func(codes, extra []uint8) {
		value := 0
		for code := range extra {
			for range 1 << extra[code] {
				if value < len(codes) {
					codes[value] = uint8(code)
				}
				value++
			}
		}
	}
	spread(literalsCode[:], literalsBits[:])
	spread(matchCode[:], matchBits[:])
}

func codeOfLiterals(n uint32) uint8 {
	if n < uint32(len(literalsCode)) {
		return literalsCode[n]
	}
	return uint8(bits.Len32(n)) - 1 + 19
}

// codeOfMatch: n is the length beyond minMatch.
func codeOfMatch(n uint32) uint8 {
	if n < uint32(len(matchCode)) {
		return matchCode[n]
	}
	return uint8(bits.Len32(n)) - 1 + 36
}

// A coder is the table of one of the three parts of sequences.
type coder struct {
	table      fseTable
	counts     [maxSymbols]uint32
	fixed      *fseTable // of the format
	fixedCount int       // symbols it knows
	maxLog     uint8
}

// Modes of a table in a block.
const (
	modeFixed = iota
	modeSingle
	modeCounted
)

// The tables that a decoder knows without being told (RFC 8878, 3.1.1.3.2.2).
var (
	fixedLiterals = newFixed(6, []int16{
		4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2,
		2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
	})
	fixedMatch = newFixed(6, []int16{
		1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
	})
	fixedOffset = newFixed(5, []int16{
		1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
	})
)

func newFixed(log uint8, norm []int16) *fseTable {
	t := &fseTable{}
	t.build(norm, log)
	return t
}

// few is up to how many sequences the fixed tables serve better than counts written before them.
const few = 48

// choose gives the table for the counted symbols of total sequences, its mode, and appends what a decoder must be told.
func (c *coder) choose(dst []byte, total int) (*fseTable, int, []byte) {
	highest, single := 0, -1
	for s, n := range c.counts {
		if n > 0 {
			highest = s
		}
		if n == uint32(total) {
			single = s
		}
	}
	if single >= 0 {
		c.table.buildSingle(uint8(single))
		return &c.table, modeSingle, append(dst, byte(single))
	}
	if total <= few && highest < c.fixedCount {
		return c.fixed, modeFixed, dst
	}
	// As fine as the number of sequences supports, and fine enough for all symbols.
	log := uint8(max(5, min(int(c.maxLog), max(bits.Len(uint(total-1))-2, bits.Len(uint(highest))+1))))
	var norm [maxSymbols]int16
	if !normalize(norm[:highest+1], c.counts[:highest+1], uint32(total), log) {
		log = c.maxLog
		normalize(norm[:highest+1], c.counts[:highest+1], uint32(total), log)
	}
	c.table.build(norm[:highest+1], log)
	return &c.table, modeCounted, appendCounts(dst, norm[:highest+1], log)
}

// coders are those of a block.
type coders struct {
	literals, match, offset coder
	codes                   []codes
}

type codes struct{ literals, match, offset uint8 }

func (c *coders) init() {
	c.literals = coder{fixed: fixedLiterals, fixedCount: 36, maxLog: 9}
	c.match = coder{fixed: fixedMatch, fixedCount: 53, maxLog: 9}
	c.offset = coder{fixed: fixedOffset, fixedCount: 29, maxLog: 8}
}

// appendSequences writes the sequences section of a block (RFC 8878, 3.1.1.3.2). There is at least one.
func (c *coders) appendSequences(dst []byte, seqs []sequence) []byte {
	switch n := len(seqs); {
	case n < 128:
		dst = append(dst, byte(n))
	case n < 0x7f00:
		dst = append(dst, byte(n>>8)+128, byte(n))
	default:
		dst = append(dst, 255, byte(n-0x7f00), byte((n-0x7f00)>>8))
	}
	clear(c.literals.counts[:])
	clear(c.match.counts[:])
	clear(c.offset.counts[:])
	if cap(c.codes) < len(seqs) {
		c.codes = make([]codes, len(seqs)+len(seqs)/4)
	}
	all := c.codes[:len(seqs)]
	for i := range seqs {
		s := &seqs[i]
		k := codes{codeOfLiterals(s.literals), codeOfMatch(s.match - minMatch), uint8(bits.Len32(s.offset)) - 1}
		all[i] = k
		c.literals.counts[k.literals]++
		c.match.counts[k.match]++
		c.offset.counts[k.offset]++
	}
	modes := len(dst)
	dst = append(dst, 0)
	literals, lmode, dst := c.literals.choose(dst, len(seqs))
	offset, omode, dst := c.offset.choose(dst, len(seqs))
	match, mmode, dst := c.match.choose(dst, len(seqs))
	dst[modes] = byte(lmode<<6 | omode<<4 | mmode<<2)

	return encode(dst, seqs, all, literals, offset, match)
}

// maxSequenceBytes is what one sequence takes at most: the states' bits (9, 8, 9), and 16, 16 and 31 more.
const maxSequenceBytes = 12

// encode writes the bits of the sequences. A decoder reads them from the end, so the last one comes first.
//
// Bits wait in acc, low ones first, until there are more than 32 of them; everything is in local variables, which is
// what makes it fast.
func encode(dst []byte, seqs []sequence, all []codes, literals, offset, match *fseTable) []byte {
	start := len(dst)
	dst = slices.Grow(dst, len(seqs)*maxSequenceBytes+16)
	out := dst[start : start+len(seqs)*maxSequenceBytes+16]
	at := 0
	var acc uint64
	var used uint

	k := all[len(all)-1]
	ls, os, ms := literals.first(k.literals), offset.first(k.offset), match.first(k.match)
	for i := len(seqs) - 1; ; {
		s := &seqs[i]
		// No more than 7+26 bits are waiting.
		if s.literals >= 16 || s.match >= minMatch+32 {
			at, acc, used = putLengths(out, at, acc, used, s, k)
		}
		acc |= uint64(s.offset) & (1<<(k.offset&31) - 1) << (used & 63)
		used += uint(k.offset)
		binary.LittleEndian.PutUint64(out[at:], acc)
		at += int(used >> 3)
		acc = acc >> (used & 56)
		if used&64 != 0 {
			acc = 0
		}
		used &= 7
		i--
		if i < 0 {
			break
		}
		k = all[i]
		sym := &offset.symbol[k.offset&63]
		n := (os + sym.deltaBits) >> 16
		acc |= uint64(os) & (1<<(n&31) - 1) << (used & 63)
		used += uint(n)
		os = uint32(offset.states[(int32(os>>(n&31))+sym.deltaState)&(1<<maxTableLog-1)])

		sym = &match.symbol[k.match&63]
		n = (ms + sym.deltaBits) >> 16
		acc |= uint64(ms) & (1<<(n&31) - 1) << (used & 63)
		used += uint(n)
		ms = uint32(match.states[(int32(ms>>(n&31))+sym.deltaState)&(1<<maxTableLog-1)])

		sym = &literals.symbol[k.literals&63]
		n = (ls + sym.deltaBits) >> 16
		acc |= uint64(ls) & (1<<(n&31) - 1) << (used & 63)
		used += uint(n)
		ls = uint32(literals.states[(int32(ls>>(n&31))+sym.deltaState)&(1<<maxTableLog-1)])
	}
	// The states themselves, and the bit that marks the end: no more than 7+26+1.
	for _, last := range [...]struct {
		state uint32
		bits  uint8
	}{{ms, match.log}, {os, offset.log}, {ls, literals.log}, {1, 1}} {
		acc |= uint64(last.state) & (1<<last.bits - 1) << used
		used += uint(last.bits)
	}
	binary.LittleEndian.PutUint64(out[at:], acc)
	return dst[:start+at+int(used+7)/8]
}

// putLengths writes what the codes of long lengths leave open, which is the low bits: the bases of these codes are
// multiples of what they stand for. It returns at, acc and used as they are then.
func putLengths(out []byte, at int, acc uint64, used uint, s *sequence, k codes) (int, uint64, uint) {
	n := uint(literalsBits[k.literals])
	acc |= uint64(s.literals) & (1<<n - 1) << (used & 63)
	used += n
	binary.LittleEndian.PutUint64(out[at:], acc)
	at += int(used >> 3)
	acc >>= used &^ 7 & 63
	used &= 7
	n = uint(matchBits[k.match])
	acc |= uint64(s.match-minMatch) & (1<<n - 1) << (used & 63)
	return at, acc, used + n
}
