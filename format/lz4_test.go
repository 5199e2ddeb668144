// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/pierrec/lz4/v4"
)

func TestLZ4Frames(t *testing.T) {
	noise := make([]byte, 9<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	mixed := append(append(bytes.Repeat([]byte("abcdefg"), 1<<20), noise...), bytes.Repeat([]byte("x"), 5<<20)...)
	for name, content := range map[string][]byte{
		"one byte": {1}, "text": []byte("hello, hello, hello, hello, hello"), "zeros": make([]byte, lz4Block),
		"more zeros": make([]byte, lz4Block+1),
		"noise":      noise, "mixed": mixed,
	} {
		frame := appendLZ4([]byte("before"), content, &lz4.Compressor{})[len("before"):]
		if got, err := io.ReadAll(lz4.NewReader(bytes.NewReader(frame))); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: another reader: %d bytes, %v", name, len(got), err)
		}
		got := make([]byte, len(content))
		if err := decodeLZ4(got, frame); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %v", name, err)
		}
		// With everything else that a frame can have.
		var out bytes.Buffer
		w := lz4.NewWriter(&out)
		if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.BlockChecksumOption(true), lz4.ChecksumOption(true),
			lz4.SizeOption(uint64(len(content)))); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		clear(got)
		if err := decodeLZ4(got, out.Bytes()); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s of another writer: %v", name, err)
		}
		if len(content) < 100 {
			for n := range frame {
				if err := decodeLZ4(got, frame[:n]); err == nil {
					t.Errorf("%s: cut at %d: no error", name, n)
				}
			}
		}
		if err := decodeLZ4(got[1:], frame); err == nil {
			t.Errorf("%s: no error for a byte too many", name)
		}
		if err := decodeLZ4(append(got, 0), frame); err == nil {
			t.Errorf("%s: no error for a byte too few", name)
		}
	}
}
