// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// sequence is some literals, followed by a match: bytes that are the same as those some distance before.
type sequence struct {
	literals, match uint32 // bytes
	offset          uint32 // 1, 2, 3: see matcher.offset; else the distance + 3
}

const minMatch = 3

// Codes of lengths (RFC 8878, 3.1.1.3.2.1.1): small lengths are their own codes, and a code with extra bits stands for
// 1<<bits lengths.
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

// codeOfMatch returns the code of a match of minMatch+n bytes.
func codeOfMatch(n uint32) uint8 {
	if n < uint32(len(matchCode)) {
		return matchCode[n]
	}
	return uint8(bits.Len32(n)) - 1 + 36
}

// coder chooses the table for one of the three parts of sequences in a block.
type coder struct {
	table           fseTable
	counts          [maxSymbols]uint32 // of the symbols in the block
	predefined      *fseTable
	predefinedCount int // symbols of predefined
	maxLog          uint8
}

// Modes of a table in a block (RFC 8878, 3.1.1.3.2.1).
const (
	modePredefined = iota
	modeRLE
	modeCompressed
)

// The predefined tables (RFC 8878, 3.1.1.3.2.2).
var (
	predefinedLiterals = newPredefined(6, []int16{
		4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2,
		2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1,
	})
	predefinedMatch = newPredefined(6, []int16{
		1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
	})
	predefinedOffset = newPredefined(5, []int16{
		1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
	})
)

func newPredefined(log uint8, norm []int16) *fseTable {
	t := &fseTable{}
	t.build(norm, log)
	return t
}

// maxPredefined is up to how many sequences the predefined tables are better than a table that the block describes.
const maxPredefined = 48

// choose returns the table for the counted symbols of total sequences, its mode, and dst with its description.
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
		return &c.table, modeRLE, append(dst, byte(single))
	}
	if total <= maxPredefined && highest < c.predefinedCount {
		return c.predefined, modePredefined, dst
	}
	// More states make more precise frequencies, which pay only for many sequences; every symbol needs at least one.
	log := uint8(max(5, min(int(c.maxLog), max(bits.Len(uint(total-1))-2, bits.Len(uint(highest))+1))))
	var norm [maxSymbols]int16
	if !normalize(norm[:highest+1], c.counts[:highest+1], uint32(total), log) {
		log = c.maxLog
		normalize(norm[:highest+1], c.counts[:highest+1], uint32(total), log)
	}
	c.table.build(norm[:highest+1], log)
	return &c.table, modeCompressed, appendCounts(dst, norm[:highest+1], log)
}

// coders are the coders of a block.
type coders struct {
	literals, match, offset coder
	codes                   []codes // memory for appendSequences
}

// codes are the codes of one sequence.
type codes struct{ literals, match, offset uint8 }

func (c *coders) init() {
	c.literals = coder{predefined: predefinedLiterals, predefinedCount: 36, maxLog: 9}
	c.match = coder{predefined: predefinedMatch, predefinedCount: 53, maxLog: 9}
	c.offset = coder{predefined: predefinedOffset, predefinedCount: 29, maxLog: 8}
}

// appendSequences appends the sequences section of a block (RFC 8878, 3.1.1.3.2). seqs is not empty.
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

// maxSequenceBytes is what one sequence takes at most: 9, 8 and 9 bits of the states, and 16, 16 and 31 extra bits.
const maxSequenceBytes = 12

// encode appends the bits of the sequences, the last one first, since a decoder reads from the end.
//
// Bits are collected in acc, low ones first, and written when there may be more than 32. Everything is in local
// variables, because that is faster.
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
		// acc has no more than 7+26 bits.
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

// putLengths writes the extra bits of long lengths. They are the low bits of the length, because the first length of
// such a code is a multiple of how many it stands for. It returns at, acc and used after that.
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
