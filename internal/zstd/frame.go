// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/huff0"
)

// Encoder keeps the memory that encoding takes. It serves one column after the other, and is not for use by two
// goroutines at the same time.
type Encoder struct {
	matcher
	coders coders
	huff   huff0.Scratch
}

// New makes an Encoder.
func New() *Encoder {
	e := &Encoder{}
	e.coders.init()
	return e
}

const (
	magic      = 0xfd2fb528
	blockBytes = 128 << 10 // most that a block holds
)

// Types of a block.
const (
	blockRaw = iota
	blockSingle
	blockCompressed
)

// Types of a literals section.
const (
	literalsRaw = iota
	literalsSingle
	literalsCompressed
	literalsTreeless
)

// Integer is what columns are made of.
type Integer interface{ int32 | int64 }

// Append appends the column as one frame with its size and a checksum, which tells data from a page that never reached
// the disk. The column is little-endian in memory.
func Append[T Integer](e *Encoder, dst []byte, column []T) []byte {
	var zero T
	src := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(column))), len(column)*int(unsafe.Sizeof(zero)))
	dst = appendHeader(dst, len(src))
	e.begin()
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

// appendBlock writes the values from..to of the column, whose bytes are all.
func appendBlock[T word](e *Encoder, dst []byte, column []T, all []byte, from, to int, last bool) []byte {
	var zero T
	width := int(unsafe.Sizeof(zero))
	src := all[from*width : to*width]
	if len(src) == 0 {
		return appendBlockHeader(dst, last, blockRaw, 0)
	}
	if allZero(src) {
		// Nothing of the state a decoder keeps between blocks changes.
		return append(appendBlockHeader(dst, last, blockSingle, len(src)), 0)
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

// appendLiterals writes the literals section of a block (RFC 8878, 3.1.1.3.1).
func (e *Encoder) appendLiterals(dst []byte) []byte {
	lits := e.literals
	var out []byte
	var reused bool
	err := huff0.ErrIncompressible
	single := len(lits) < 1024
	switch {
	case !single:
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
		return append(appendSizes(dst, kind, len(out), len(lits), single), out...)
	case errors.Is(err, huff0.ErrUseRLE):
		return append(appendSize(dst, literalsSingle, len(lits)), lits[0])
	}
	return append(appendSize(dst, literalsRaw, len(lits)), lits...)
}

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

func appendSizes(dst []byte, kind, compressed, size int, single bool) []byte {
	format, width, bytes := 1, 10, 3 // 4 streams
	switch {
	case single:
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
