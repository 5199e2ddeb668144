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
		{sweepEvery, 0, 2 * sweepEvery},
		{sweepIdle, 0, sweepIdle},
		{sweepIdle, 0.25, sweepIdle / 2},
		{sweepEvery, 1, sweepEvery},
		{2 * sweepEvery, fillPaced, 4 * sweepEvery},
	} {
		if got := pace(c.last, c.fill); got != c.want {
			t.Errorf("after %v, %.2f full: %v, want %v", c.last, c.fill, got, c.want)
		}
	}
}
