// SPDX-License-Identifier: Apache-2.0

package filter

import "math/bits"

// Selection is a set of rows: bit i%64 of word i/64 is row i.
type Selection []uint64

// Has reports whether row i is selected.
func (s Selection) Has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

// Count returns how many rows are selected.
func (s Selection) Count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Next returns the first selected row from i on, -1 if there is none:
//
//	for i := sel.Next(0); i >= 0; i = sel.Next(i + 1) {
func (s Selection) Next(i int) int {
	w := i / 64
	if w >= len(s) {
		return -1
	}
	word := s[w] >> (i % 64) << (i % 64)
	for word == 0 {
		if w++; w >= len(s) {
			return -1
		}
		word = s[w]
	}
	return w*64 + bits.TrailingZeros64(word)
}
