// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"
	"testing"
)

func TestAdd(t *testing.T) {
	const most = math.MaxInt64
	for _, c := range [][3]int64{{0, 0, 0}, {1, 2, 3}, {most, 0, most}, {most, 1, most}, {most, most, most},
		{1 << 62, 1 << 62, most}, {1 << 62, 1<<62 - 1, most}} {
		if got := Add(c[0], c[1]); got != c[2] {
			t.Errorf("%d + %d = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

func TestQuotient(t *testing.T) {
	const most = math.MaxInt64
	for _, c := range [][3]int64{{0, 0, Unknown}, {-1, 0, Unknown}, {7, 2, 3}, {most, 1, most}, {most - 1, 2, most / 2},
		{Add(most, most), 2, Unknown}} {
		if got := quotient(c[0], c[1]); got != c[2] {
			t.Errorf("%d / %d = %d, want %d", c[0], c[1], got, c[2])
		}
	}
}

// TestMeanTooLarge checks that a mean is unknown, and not a part of it, where the sum does not fit.
func TestMeanTooLarge(t *testing.T) {
	var s statistics
	for range 6 {
		s.add(math.MaxInt64)
	}
	if s.total != math.MaxInt64 || s.mean() != Unknown {
		t.Errorf("total %d, mean %d", s.total, s.mean())
	}
	var g Group
	of := func(n int64) Number { return &number{of: func(*Group) int64 { return n }} }
	if n := Mean(of(s.total), of(s.count)).Of(&g); n != Unknown {
		t.Errorf("Mean: %d", n)
	}
}
