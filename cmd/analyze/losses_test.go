// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"
)

// TestLossesBeyondTheMaximum checks that the table says how many losses it does not show.
func TestLossesBeyondTheMaximum(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &lossReport{Lost: 1_234_568, Omitted: 1_234_567, Losses: []loss{{
		From: start, Until: start.Add(time.Second), Family: "syscall", Count: 1,
	}}}
	var out strings.Builder
	if err := r.write(&out, false); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "\n  1,234,567 more losses\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant it to end with %q", got, want)
	}
}
