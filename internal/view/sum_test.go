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
