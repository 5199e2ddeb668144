// SPDX-License-Identifier: Apache-2.0

package format

import "fmt"

// Codec is the compression of the buffers of a record batch.
type Codec uint8

// The codecs; each record batch may have its own.
const (
	None Codec = iota
	LZ4        // LZ4 frames
	Zstd
)

// String returns the name of the codec: none, lz4, zstd.
func (c Codec) String() string {
	switch c {
	case None:
		return "none"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return fmt.Sprintf("codec(%d)", uint8(c))
}
