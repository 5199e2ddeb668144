// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/huff0"
)

// Encoder has the memory that encoding takes, to be reused for the next column. It must not be used by two goroutines
// at the same time.
type Encoder struct {
	matcher
	coders coders
	huff   huff0.Scratch
}

// New returns an Encoder.
func New() *Encoder {
	e := &Encoder{}
	e.coders.init()
	return e
}

const (
	magic      = 0xfd2fb528
	blockBytes = 128 << 10 // of content, at most, in a block
)

// Types of a block.
const (
	blockRaw = iota
	blockRLE
	blockCompressed
)

// Types of a literals section.
const (
	literalsRaw = iota
	literalsRLE
	literalsCompressed
	literalsTreeless
)

// Integer is the type of the values of a column.
type Integer interface{ int32 | int64 }

// Append appends the column to dst as one frame with its size and a checksum, with which readers notice a page that
// never reached the disk. The machine must be little-endian.
func Append[T Integer](e *Encoder, dst []byte, column []T) []byte {
	var zero T
	src := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(column))), len(column)*int(unsafe.Sizeof(zero)))
	dst = appendHeader(dst, len(src))
	e.reset()
	e.huff.Reuse = huff0.ReusePolicyNone
	perBlock := blockBytes / int(unsafe.Sizeof(zero))
	for from := 0; ; from += perBlock {
		to := min(from+perBlock, len(column))
		last := to == len(column)
		if unsafe.Sizeof(zero) == 8 {
			words := unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(column))), len(column))
			dst = appendBlock(e, dst, words, src, from, to, last)
		} else {
			words := unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(column))), len(column))
			dst = appendBlock(e, dst, words, src, from, to, last)
		}
		if last {
			break
		}
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(xxhash.Sum64(src)))
}

func appendHeader(dst []byte, size int) []byte {
	const singleSegment, checksum = 1 << 5, 1 << 2
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	switch {
	case size < 256:
		return append(dst, singleSegment|checksum, byte(size))
	case size < 256+1<<16:
		return binary.LittleEndian.AppendUint16(append(dst, 1<<6|singleSegment|checksum), uint16(size-256))
	}
	return binary.LittleEndian.AppendUint32(append(dst, 2<<6|singleSegment|checksum), uint32(size))
}

func appendBlockHeader(dst []byte, last bool, kind, size int) []byte {
	h := uint32(size)<<3 | uint32(kind)<<1
	if last {
		h |= 1
	}
	return append(dst, byte(h), byte(h>>8), byte(h>>16))
}

// appendBlock appends a block of the values from..to-1 of the column. all is the memory of the column.
func appendBlock[T word](e *Encoder, dst []byte, column []T, all []byte, from, to int, last bool) []byte {
	var zero T
	width := int(unsafe.Sizeof(zero))
	src := all[from*width : to*width]
	if len(src) == 0 {
		return appendBlockHeader(dst, last, blockRaw, 0)
	}
	if allZero(src) {
		// This block does not change the state that decoders keep between blocks.
		return append(appendBlockHeader(dst, last, blockRLE, len(src)), 0)
	}
	before := e.recent
	match(&e.matcher, column, all, from, to)
	if len(e.seqs) == 0 {
		e.recent = before
		return append(appendBlockHeader(dst, last, blockRaw, len(src)), src...)
	}
	start := len(dst)
	dst = appendBlockHeader(dst, last, blockCompressed, 0)
	dst = e.appendLiterals(dst)
	dst = e.coders.appendSequences(dst, e.seqs)
	size := len(dst) - start - 3
	if size >= len(src) {
		// The decoder will see neither the distances nor the Huffman tree of this attempt.
		e.recent = before
		e.huff.Reuse = huff0.ReusePolicyNone
		return append(appendBlockHeader(dst[:start], last, blockRaw, len(src)), src...)
	}
	appendBlockHeader(dst[:start], last, blockCompressed, size)
	return dst
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// appendLiterals appends the literals section of a block (RFC 8878, 3.1.1.3.1).
func (e *Encoder) appendLiterals(dst []byte) []byte {
	lits := e.literals
	var out []byte
	var reused bool
	err := huff0.ErrIncompressible
	oneStream := len(lits) < 1024
	switch {
	case !oneStream:
		out, reused, err = huff0.Compress4X(lits, &e.huff)
	case len(lits) > 32:
		out, reused, err = huff0.Compress1X(lits, &e.huff)
	}
	if err == nil && len(out)+5 > len(lits) {
		err = huff0.ErrIncompressible
		e.huff.Reuse = huff0.ReusePolicyNone // the tree of this attempt is not in the frame
	}
	switch {
	case err == nil:
		e.huff.Reuse = huff0.ReusePolicyAllow
		kind := literalsCompressed
		if reused {
			kind = literalsTreeless
		}
		return append(appendSizes(dst, kind, len(out), len(lits), oneStream), out...)
	case errors.Is(err, huff0.ErrUseRLE):
		return append(appendSize(dst, literalsRLE, len(lits)), lits[0])
	}
	return append(appendSize(dst, literalsRaw, len(lits)), lits...)
}

// appendSize appends the header of literals that are not compressed.
func appendSize(dst []byte, kind, size int) []byte {
	switch {
	case size < 1<<5:
		return append(dst, byte(size<<3|kind))
	case size < 1<<12:
		return binary.LittleEndian.AppendUint16(dst, uint16(size<<4|1<<2|kind))
	}
	h := size<<4 | 3<<2 | kind
	return append(dst, byte(h), byte(h>>8), byte(h>>16))
}

// appendSizes appends the header of compressed literals. size is that before compression, width the bits of each size.
func appendSizes(dst []byte, kind, compressed, size int, oneStream bool) []byte {
	format, width, bytes := 1, 10, 3 // 4 streams
	switch {
	case oneStream:
		format = 0
	case size >= 1<<14 || compressed >= 1<<14:
		format, width, bytes = 3, 18, 5
	case size >= 1<<10 || compressed >= 1<<10:
		format, width, bytes = 2, 14, 4
	}
	h := uint64(compressed)<<(4+width) | uint64(size)<<4 | uint64(format)<<2 | uint64(kind)
	for i := range bytes {
		dst = append(dst, byte(h>>(8*i)))
	}
	return dst
}
