// SPDX-License-Identifier: Apache-2.0

package zstd

import "math/bits"

// fseTable encodes the symbols of one kind of sequence code by finite state entropy (RFC 8878, 4.1). The state is one
// of 1<<log values, of which each symbol has a number in proportion to its frequency.
type fseTable struct {
	log    uint8
	states [1 << maxTableLog]uint16 // next state, by rank among the states of a symbol
	symbol [64]fseSymbol
}

type fseSymbol struct {
	deltaBits  uint32 // (state + deltaBits) >> 16 is how many bits the state gives up
	deltaState int32
}

const (
	maxTableLog = 9
	maxSymbols  = 53 // of match lengths; there are 36 of literal lengths and fewer of offsets
)

// build makes the table for normalized counts, which sum up to 1<<log; -1 is a symbol of less than one state.
func (t *fseTable) build(norm []int16, log uint8) {
	size := uint32(1) << log
	mask := size - 1
	step := size>>1 + size>>3 + 3
	high := mask
	var at [maxSymbols + 1]uint16
	var spread [1 << maxTableLog]uint8
	for s, n := range norm {
		if n == -1 {
			at[s+1] = at[s] + 1
			spread[high] = uint8(s)
			high--
		} else {
			at[s+1] = at[s] + uint16(n)
		}
	}
	position := uint32(0)
	for s, n := range norm {
		for range n {
			spread[position] = uint8(s)
			for position = (position + step) & mask; position > high; {
				position = (position + step) & mask
			}
		}
	}
	for i := range size {
		s := spread[i]
		t.states[at[s]] = uint16(size + i)
		at[s]++
	}
	t.log = log
	total := int32(0)
	for s, n := range norm {
		switch n {
		case 0:
			t.symbol[s] = fseSymbol{deltaBits: (uint32(log)+1)<<16 - size}
		case -1, 1:
			t.symbol[s] = fseSymbol{deltaBits: uint32(log)<<16 - size, deltaState: total - 1}
			total++
		default:
			out := uint32(log) - uint32(bits.Len16(uint16(n-1))) + 1
			t.symbol[s] = fseSymbol{deltaBits: out<<16 - uint32(n)<<out, deltaState: total - int32(n)}
			total += int32(n)
		}
	}
}

// buildSingle makes the table of a block in which every symbol is s: symbols take no bits.
func (t *fseTable) buildSingle(s uint8) {
	t.log = 0
	t.states[0] = 0
	t.symbol[s] = fseSymbol{}
}

// first returns the initial state for symbol s. It is the last one to be decoded, and takes no bits.
func (t *fseTable) first(s uint8) uint32 {
	sym := &t.symbol[s]
	out := (sym.deltaBits + 1<<15) >> 16
	value := out<<16 - sym.deltaBits
	return uint32(t.states[int32(value>>out)+sym.deltaState])
}

// normalize scales counts that sum up to total to ones that sum up to 1<<log, in which every symbol that occurs has at
// least 1. It returns false if there are more such symbols than states.
func normalize(norm []int16, counts []uint32, total uint32, log uint8) bool {
	size := int32(1) << log
	unassigned := size // states
	largest, most := 0, uint32(0)
	scale := uint64(1) << 32 / uint64(total)
	for s, n := range counts {
		if n == 0 {
			norm[s] = 0
			continue
		}
		if n > most {
			largest, most = s, n
		}
		share := int16((uint64(n)*scale*uint64(size) + 1<<31) >> 32)
		norm[s] = max(share, 1)
		unassigned -= int32(norm[s])
	}
	// The most frequent symbol gets the states that rounding left over, or gives up those that it took too many.
	if int32(norm[largest])+unassigned >= max(1, int32(norm[largest])/2) {
		norm[largest] += int16(unassigned)
		return true
	}
	for unassigned < 0 {
		most := 0
		for s := range norm {
			if norm[s] > norm[most] {
				most = s
			}
		}
		if norm[most] <= 1 {
			return false
		}
		norm[most]--
		unassigned++
	}
	return true
}

// appendCounts appends normalized counts as the description of a table (RFC 8878, 4.1.1).
func appendCounts(dst []byte, norm []int16, log uint8) []byte {
	const minLog = 5
	size := int32(1) << log
	remaining, threshold, width := size+1, size, uint(log)+1
	acc, used := uint32(log-minLog), uint(4)
	flush := func() {
		for used >= 8 {
			dst = append(dst, byte(acc))
			acc >>= 8
			used -= 8
		}
	}
	for s, zeros := 0, false; s < len(norm) && remaining > 1; {
		if zeros {
			run := 0
			for s < len(norm) && norm[s] == 0 {
				s++
				run++
			}
			for ; run >= 3; run -= 3 {
				acc |= 3 << used
				used += 2
				flush()
			}
			acc |= uint32(run) << used
			used += 2
			flush()
			if s == len(norm) {
				break
			}
		}
		n := int32(norm[s])
		s++
		largest := 2*threshold - 1 - remaining
		remaining -= max(n, -n)
		n++
		zeros = n == 1
		code := n
		if code >= threshold {
			code += largest
		}
		acc |= uint32(code) << used
		used += width
		if code < largest {
			used--
		}
		flush()
		for remaining < threshold && width > 1 {
			width--
			threshold >>= 1
		}
	}
	if used > 0 {
		dst = append(dst, byte(acc))
	}
	return dst
}
