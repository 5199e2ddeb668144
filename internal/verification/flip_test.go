// SPDX-License-Identifier: Apache-2.0

package verification

import (
	"bytes"
	"slices"
	"testing"

	"github.com/fletch-trace/fletch/internal/fixture"
)

// sameHeader reports whether a byte of a tar is one of the two around the six digits of a header's checksum: they may
// be a zero, a space or a NUL, and mean the same.
func sameHeader(tar []byte, at int) bool {
	block, within := at/512*512, at%512
	return (within == 148 || within == 155) && bytes.HasPrefix(tar[block+257:], []byte("ustar"))
}

// sameTar reports whether the bytes of a tar are those of another one, but for the two of each header that may differ.
func sameTar(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for at := range a {
		if a[at] != b[at] && !sameHeader(b, at) {
			return false
		}
	}
	return true
}

// Whichever bit of a tar is another, verify finds it: in the files, in the headers, and between them. With tries of 0
// this takes a minute.
func TestBytesOfATar(t *testing.T) {
	for _, c := range []struct {
		name  string
		made  *fixture.Capture
		tries int // bytes; 0: all
	}{{"two calls", fixture.Only("syscall"), 1000}, {"small", fixture.Small(), 300}} {
		whole := packed(t, written(t, c.made))
		step := 1
		if c.tries > 0 {
			step = len(whole)/c.tries | 1 // odd, so that each bit has its turn
		}
		for at := 0; at < len(whole); at += step {
			if sameHeader(whole, at) {
				continue
			}
			data := bytes.Clone(whole)
			data[at] ^= 1 << (at % 8)
			set, err := openTar(t, data)
			if got, _ := state(t, set, err); got != Wrong && got != "unreadable" {
				t.Errorf("%s: byte %d became %q: %v", c.name, at, data[max(0, at-20):at+1], got)
			}
		}
	}
}

// Whichever bit of a file in a directory is another, verify finds it.
func TestBytesOfADirectory(t *testing.T) {
	entries := written(t, fixture.Only("process"))[1:] // of the two manifests, the directory has the last one
	for i, e := range entries {
		for at := i; at < len(e.data); at += 61 {
			changed := slices.Clone(entries)
			changed[i].data = bytes.Clone(e.data)
			changed[i].data[at] ^= 1 << (at % 8)
			set, err := containers["directory"](t, changed)
			if got, _ := state(t, set, err); got != Wrong && got != "unreadable" {
				t.Errorf("byte %d of %s: %v", at, e.name, got)
			}
		}
	}
}
