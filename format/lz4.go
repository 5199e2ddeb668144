// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pierrec/lz4/v4"
)

// LZ4 frames are made and read here, with the block functions of the library,
// because its Writer and Reader copy everything through buffers of 8 MiB.
const (
	lz4Magic  = 0x184D2204
	lz4Block  = 4 << 20  // largest block
	lz4Window = 64 << 10 // how far back a block can refer
	lz4Raw    = 1 << 31  // in a block's size: it is stored without compression

	// Flags of a frame.
	lz4Version         = 0b01 << 6
	lz4VersionMask     = 0b11 << 6
	lz4BlockChecksum   = 1 << 4
	lz4ContentSize     = 1 << 3
	lz4ContentChecksum = 1 << 2
	lz4Dictionary      = 1 << 0
)

// appendLZ4 appends src as one frame of independent blocks without checksums.
func appendLZ4(b, src []byte, c *lz4.Compressor) []byte {
	b = binary.LittleEndian.AppendUint32(b, lz4Magic)
	b = append(b, 0x60, 0x70, 0x73) // version 1, independent blocks; of 4 MiB; checksum of these two
	for len(src) > 0 {
		chunk := src[:min(len(src), lz4Block)]
		src = src[len(chunk):]
		size := len(b)
		bound := size + 4 + lz4.CompressBlockBound(len(chunk))
		for cap(b) < bound {
			b = append(b[:cap(b)], 0)
		}
		n, err := c.CompressBlock(chunk, b[size+4:bound])
		if err != nil || n == 0 || n >= len(chunk) {
			n = copy(b[size+4:bound], chunk)
			binary.LittleEndian.PutUint32(b[size:bound], uint32(n)|lz4Raw)
		} else {
			binary.LittleEndian.PutUint32(b[size:bound], uint32(n))
		}
		b = b[:size+4+n]
	}
	return append(b, 0, 0, 0, 0)
}

var errLZ4CutOff = errors.New("ends early")

// decodeLZ4 decodes src, which must be one frame, into dst, which it must fill
// exactly. Checksums are not verified.
func decodeLZ4(dst, src []byte) error {
	if len(src) < 7 {
		return errLZ4CutOff
	}
	flags := src[4]
	if binary.LittleEndian.Uint32(src) != lz4Magic || flags&lz4VersionMask != lz4Version || flags&lz4Dictionary != 0 {
		return errors.New("not a frame of version 1, or one with a dictionary")
	}
	header := 7
	if flags&lz4ContentSize != 0 {
		header += 8
	}
	if len(src) < header {
		return errLZ4CutOff
	}
	n := 0
	for src = src[header:]; ; {
		if len(src) < 4 {
			return errLZ4CutOff
		}
		size := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if size == 0 {
			break
		}
		raw := size&lz4Raw != 0
		if size &^= lz4Raw; uint64(size) > uint64(len(src)) {
			return errLZ4CutOff
		}
		block := src[:size]
		src = src[size:]
		if raw {
			if len(block) > len(dst)-n {
				return fmt.Errorf("more than %d bytes", len(dst))
			}
			n += copy(dst[n:], block)
		} else {
			k, err := lz4.UncompressBlockWithDict(block, dst[n:], dst[max(n-lz4Window, 0):n])
			if err != nil {
				return err
			}
			n += k
		}
		if flags&lz4BlockChecksum != 0 {
			if len(src) < 4 {
				return errLZ4CutOff
			}
			src = src[4:]
		}
	}
	if flags&lz4ContentChecksum != 0 && len(src) >= 4 {
		src = src[4:]
	}
	if n != len(dst) || len(src) > 0 {
		return fmt.Errorf("%d bytes, not %d, and %d bytes after the frame", n, len(dst), len(src))
	}
	return nil
}
