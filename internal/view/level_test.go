// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestLevelNumbers compares the numbers of random parents and codes, small and large, with those of a map.
func TestLevelNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	l, known := newLevel(), map[node]int32{}
	few := []uint64{0, 1, smallCodes - 1, smallCodes, 1 << 33, math.MaxUint64, 1 << 63}
	for range 200 {
		parents, codes := make([]int32, 500), make([]uint64, 500)
		for i := range codes {
			parents[i] = r.Int32N(1 + r.Int32N(1000))
			switch r.IntN(3) {
			case 0:
				codes[i] = few[r.IntN(len(few))]
			case 1:
				codes[i] = uint64(r.IntN(100))
			case 2:
				codes[i] = r.Uint64() >> r.IntN(64)
			}
		}
		want := make([]int32, len(codes))
		for i := range codes {
			at := node{parents[i], codes[i]}
			if _, ok := known[at]; !ok {
				known[at] = int32(len(known))
			}
			want[i] = known[at]
		}
		l.number(parents, parents, codes) // in place
		if !slices.Equal(parents, want) {
			t.Fatalf("got %v, want %v", parents, want)
		}
	}
	for at, n := range known {
		if l.nodes[n] != at {
			t.Fatalf("group %d is %v, want %v", n, l.nodes[n], at)
		}
	}
}

// TestLevelNumbersFirst compares numberFirst with number.
func TestLevelNumbersFirst(t *testing.T) {
	codes := []uint64{7, 0, 7, smallCodes - 1, smallCodes, 3, math.MaxUint64, 0, smallCodes, 300, math.MaxUint64}
	want, got := make([]int32, len(codes)), make([]int32, len(codes))
	general, first := newLevel(), newLevel()
	for range 2 {
		general.number(want, make([]int32, len(codes)), codes)
		first.numberFirst(got, codes)
		if !slices.Equal(got, want) || !slices.Equal(first.nodes, general.nodes) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}
