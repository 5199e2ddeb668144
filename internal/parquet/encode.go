// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// integer is what an INT32 or an INT64 column holds.
type integer interface{ ~int32 | ~int64 }

// appendPlain appends values as PLAIN has them: little-endian, one after the other.
func appendPlain[T integer](dst []byte, values []T) []byte {
	var zero T
	if _, wide := any(zero).(int64); wide {
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
		}
		return dst
	}
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(v))
	}
	return dst
}

// appendTexts appends texts as PLAIN has them: each after its length.
func appendTexts(dst []byte, n int, text func(i int) []byte) []byte {
	for i := range n {
		s := text(i)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

const (
	deltaBlock = 128
	deltaMini  = 32
)

// appendDelta appends values as DELTA_BINARY_PACKED has them: the differences of neighbours, less the smallest of a
// block, in as many bits as the largest of 32 of them needs.
func appendDelta[T integer](dst []byte, values []T) []byte {
	dst = binary.AppendUvarint(dst, deltaBlock)
	dst = binary.AppendUvarint(dst, deltaBlock/deltaMini)
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	if len(values) == 0 {
		return binary.AppendVarint(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(values[0]))
	var deltas [deltaBlock]uint64
	for rest := values; len(rest) > 1; {
		n := min(len(rest)-1, deltaBlock)
		least := rest[1] - rest[0] // may wrap around, as it does when it is read
		for i := range n {
			least = min(least, rest[i+1]-rest[i])
		}
		for i := range n {
			deltas[i] = unsigned(rest[i+1] - rest[i] - least)
		}
		clear(deltas[n:])
		dst = binary.AppendVarint(dst, int64(least))
		dst = appendMinis(dst, &deltas, n)
		rest = rest[n:]
	}
	return dst
}

// unsigned is v in the width of its type, which differences are taken in.
func unsigned[T integer](v T) uint64 {
	if _, wide := any(v).(int64); wide {
		return uint64(v)
	}
	return uint64(uint32(v))
}

func appendMinis(dst []byte, deltas *[deltaBlock]uint64, n int) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, deltaBlock/deltaMini)...)
	for i := 0; i < n; i += deltaMini {
		mini := deltas[i : i+deltaMini]
		all := uint64(0)
		for _, d := range mini {
			all |= d
		}
		width := bits.Len64(all)
		dst[at+i/deltaMini] = byte(width)
		dst = appendBits(dst, mini, width)
	}
	return dst
}

// appendBits appends values of width bits each, the first one in the lowest bits. len(values) is a multiple of 8.
func appendBits[T uint32 | uint64](dst []byte, values []T, width int) []byte {
	if width == 0 {
		return dst
	}
	dst = slices.Grow(dst, len(values)*width/8+8)
	var held uint64
	have := 0
	for _, v := range values {
		held |= uint64(v) << have
		have += width
		if have >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, held)
			have -= 64
			held = uint64(v) >> (width - have)
		}
	}
	for ; have > 0; have -= 8 {
		dst = append(dst, byte(held))
		held >>= 8
	}
	return dst
}

// minRun is how many equal values are worth a run of their own.
const minRun = 16

// appendHybrid appends numbers below 1<<width as RLE has them: runs of one value, and groups of 8 in width bits each.
func appendHybrid(dst []byte, numbers []uint32, width int) []byte {
	start := 0 // of what is not written yet
	for i := 0; i < len(numbers); {
		run := i + 1
		for run < len(numbers) && numbers[run] == numbers[i] {
			run++
		}
		// Groups before a run are whole, so a part of the run may go with them.
		begin := i
		if odd := (i - start) % 8; odd > 0 {
			begin += 8 - odd
		}
		if run-begin < minRun {
			i = run
			continue
		}
		dst = appendGroups(dst, numbers[start:begin], width)
		dst = binary.AppendUvarint(dst, uint64(run-begin)<<1)
		for shift := 0; shift < width; shift += 8 {
			dst = append(dst, byte(numbers[i]>>shift))
		}
		start, i = run, run
	}
	return appendGroups(dst, numbers[start:], width)
}

// appendGroups appends groups of 8 numbers, the last of which is filled up: nobody reads beyond the number of values.
func appendGroups(dst []byte, numbers []uint32, width int) []byte {
	if len(numbers) == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64((len(numbers)+7)/8)<<1|1)
	whole := len(numbers) &^ 7
	dst = appendBits(dst, numbers[:whole], width)
	if whole < len(numbers) {
		var last [8]uint32
		copy(last[:], numbers[whole:])
		dst = appendBits(dst, last[:], width)
	}
	return dst
}
