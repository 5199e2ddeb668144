//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	for _, c := range []struct {
		last time.Duration
		fill float64
		want time.Duration
	}{
		{minPause, 0, 2 * minPause},
		{maxPause, 0, maxPause},
		{maxPause, 0.25, maxPause / 2},
		{minPause, 1, minPause},
		{2 * minPause, busyFill, 4 * minPause},
	} {
		if got := nextPause(c.last, c.fill); got != c.want {
			t.Errorf("after %v, %.2f full: %v, want %v", c.last, c.fill, got, c.want)
		}
	}
}
