// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// parts returns the types of blocks and literals in a frame and the modes of its tables, and the number of blocks.
func parts(frame []byte) (names []string, blocks int) {
	// Magic, descriptor, and the size of the content: 1, 2 or 4 bytes.
	at := 5 + []int{1, 2, 4}[frame[4]>>6]
	for last := false; !last; {
		header := int(frame[at]) | int(frame[at+1])<<8 | int(frame[at+2])<<16
		at += 3
		last = header&1 != 0
		size := header >> 3
		switch header >> 1 & 3 {
		case blockRaw:
			names = append(names, "raw block")
		case blockRLE:
			names, size = append(names, "block of one byte"), 1
		case blockCompressed:
			names = append(names, partsOfBlock(frame[at:at+size])...)
		}
		at += size
		blocks++
	}
	return names, blocks
}

func partsOfBlock(b []byte) []string {
	literals := []string{"raw literals", "literals of one byte", "compressed literals", "treeless literals"}
	names := []string{literals[b[0]&3]}
	kind, form := b[0]&3, b[0]>>2&3
	at := 0
	if kind == literalsRaw || kind == literalsRLE {
		header := []int{1, 2, 1, 3}[form]
		size := int(binary.LittleEndian.Uint32(append(slices.Clone(b[:header]), 0, 0, 0, 0))) >> []int{3, 4, 3, 4}[form]
		if kind == literalsRLE {
			size = 1
		}
		at = header + size
	} else {
		header, width := []int{3, 3, 4, 5}[form], []int{10, 10, 14, 18}[form]
		h := binary.LittleEndian.Uint64(append(slices.Clone(b[:header]), make([]byte, 8)...))
		at = header + int(h>>(4+width)&(1<<width-1))
		names = append(names, fmt.Sprintf("literals of %d streams", []int{1, 4, 4, 4}[form]))
	}
	switch n := b[at]; {
	case n < 128:
		names = append(names, "fewer than 128 sequences")
		at++
	case n < 255:
		names = append(names, "fewer than 32512 sequences")
		at += 2
	default:
		names = append(names, "more sequences")
		at += 3
	}
	for i, table := range []string{"literal lengths", "offsets", "match lengths"} {
		mode := b[at] >> (6 - 2*i) & 3
		names = append(names, table+[]string{" predefined", " of one", " counted", " repeated"}[mode])
	}
	return names
}

// The columns that the other tests decode have blocks, literals and tables of every kind that the encoder writes.
func TestEveryPart(t *testing.T) {
	e, r := New(), rand.New(rand.NewPCG(11, 12))
	seen, most := map[string]bool{}, 0
	note := func(frame []byte) {
		names, blocks := parts(frame)
		for _, name := range names {
			seen[name] = true
		}
		most = max(most, blocks)
	}
	for range 1000 {
		v := scripted(randomScript(r))
		note(roundTrip(t, e, "scripted", v))
		note(roundTrip(t, e, "scripted, 4 bytes", narrowed(v)))
	}
	note(roundTrip(t, e, "one literal", oneLiteral()))
	note(roundTrip(t, e, "a sequence each", sequenceEach(r)))
	want := []string{"raw block", "block of one byte", "raw literals", "literals of one byte", "compressed literals",
		"treeless literals", "literals of 1 streams", "literals of 4 streams", "fewer than 128 sequences",
		"fewer than 32512 sequences", "more sequences"}
	for _, table := range []string{"literal lengths", "offsets", "match lengths"} {
		want = append(want, table+" predefined", table+" of one", table+" counted")
	}
	for _, name := range want {
		if !seen[name] {
			t.Errorf("no %s", name)
		}
		delete(seen, name)
	}
	if len(seen) > 0 {
		t.Errorf("also seen, and not tested before: %v", seen)
	}
	if most < 3 {
		t.Errorf("at most %d blocks in a frame", most)
	}
}

// oneLiteral returns a column whose second block has only values of the first, but with another lowest byte, the same
// in all.
func oneLiteral() []int64 {
	var values, v []int64
	slots := map[uint64]bool{}
	for i := uint64(1); len(values) < 100; i++ {
		value := int64(i * 0x9e3779b97f4a7c15 &^ 0xffff)
		if slot := hash(upperOf(uint64(value)), upperBits); !slots[slot] {
			slots[slot], values = true, append(values, value)
		}
	}
	for len(v) < blockBytes/8 {
		v = append(v, values...)
	}
	v = v[:blockBytes/8]
	for i := range values {
		v = append(v, values[i*7%len(values)]|5)
	}
	return v
}

// sequenceEach returns a block in which nearly every value takes a sequence: its upper bytes are those of the previous.
func sequenceEach(r *rand.Rand) []int32 {
	v := make([]int32, blockBytes/4)
	for i := range v {
		v[i] = 0x1234_5600 + int32(i%2)<<7 + r.Int32N(128)
	}
	return v
}
