// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"bytes"
	"testing"
)

// The bytes are those of the examples of the format's specification (Encodings.md).
func TestEncodings(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want []byte
	}{
		{"bits", appendBits(nil, []uint32{0, 1, 2, 3, 4, 5, 6, 7}, 3), []byte{0b10001000, 0b11000110, 0b11111010}},
		{"bits of no width", appendBits(nil, []uint32{0, 0, 0, 0, 0, 0, 0, 0}, 0), nil},
		{"bits of 64", appendBits(nil, []uint64{1, 2, 3, 4, 5, 6, 7, 1<<64 - 1}, 64)[56:],
			bytes.Repeat([]byte{0xff}, 8)},
		{"groups", appendHybrid(nil, []uint32{0, 1, 2, 3, 4, 5, 6, 7}, 3),
			[]byte{1<<1 | 1, 0b10001000, 0b11000110, 0b11111010}},
		{"a run", appendHybrid(nil, make([]uint32, 1000), 1), []byte{0xd0, 0x0f, 0}},
		{"deltas 1 to 5", appendDelta(nil, []int32{1, 2, 3, 4, 5}), []byte{0x80, 1, 4, 5, 2, 2, 0, 0, 0, 0}},
		{"deltas of 7 5 3 1 2 3 4 5", appendDelta(nil, []int32{7, 5, 3, 1, 2, 3, 4, 5}),
			[]byte{0x80, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0b11000000, 0b00111111, 0, 0, 0, 0, 0, 0}},
		{"plain", appendPlain(nil, []int32{1, -2}), []byte{1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff}},
		{"texts", appendTexts(nil, 2, func(i int) []byte { return []byte("ab"[:i+1]) }),
			[]byte{1, 0, 0, 0, 'a', 2, 0, 0, 0, 'a', 'b'}},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: got %x, want %x", c.name, c.got, c.want)
		}
	}
}
