// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// integer is what an INT32 or an INT64 column holds.
type integer interface{ ~int32 | ~int64 }

// appendPlain appends values in the encoding PLAIN: little-endian, one after the other.
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

// appendTexts appends n texts in the encoding PLAIN: each after its length.
func appendTexts(dst []byte, n int, text func(i int) []byte) []byte {
	for i := range n {
		s := text(i)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

const (
	deltaBlock = 128 // values of a block
	deltaMini  = 32  // values of a miniblock
)

// appendDelta appends values in the encoding DELTA_BINARY_PACKED: the differences of neighbours, less the smallest one
// of their block, with as many bits as the largest one of their miniblock needs.
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
		least := rest[1] - rest[0] // may wrap around, and does so again when it is read
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

// unsigned returns the bits of v: 32 of an int32, since differences wrap around in the width of the type.
func unsigned[T integer](v T) uint64 {
	if _, wide := any(v).(int64); wide {
		return uint64(v)
	}
	return uint64(uint32(v))
}

// appendMinis appends the miniblocks of a block with n deltas: their bit widths, then the deltas of each.
func appendMinis(dst []byte, deltas *[deltaBlock]uint64, n int) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, deltaBlock/deltaMini)...)
	for i := 0; i < n; i += deltaMini {
		mini := deltas[i : i+deltaMini]
		union := uint64(0)
		for _, d := range mini {
			union |= d
		}
		width := bits.Len64(union)
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
	var pending uint64
	used := 0 // bits of pending
	for _, v := range values {
		pending |= uint64(v) << used
		used += width
		if used >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, pending)
			used -= 64
			pending = uint64(v) >> (width - used)
		}
	}
	for ; used > 0; used -= 8 {
		dst = append(dst, byte(pending))
		pending >>= 8
	}
	return dst
}

// minRun is from how many equal values on they are written as a run.
const minRun = 16

// appendHybrid appends numbers below 1<<width in the encoding RLE (its hybrid with bit packing): runs of one value, and
// groups of 8 values of width bits each.
func appendHybrid(dst []byte, numbers []uint32, width int) []byte {
	start := 0 // of the numbers that are not written yet
	for i := 0; i < len(numbers); {
		run := i + 1
		for run < len(numbers) && numbers[run] == numbers[i] {
			run++
		}
		// Groups before a run must be whole, so the last one may be completed with values of the run.
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

// appendGroups appends groups of 8 numbers. The last one is padded with zeros, which readers ignore, because they know
// the number of values.
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
