// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/fixture"
)

// Times of a recording over midnight have the date.
func TestTimesOfTwoDays(t *testing.T) {
	start := time.Date(2026, 3, 1, 23, 59, 50, 0, time.Local)
	for _, c := range []struct {
		end  time.Time
		want string
	}{{start.Add(5 * time.Second), time.TimeOnly}, {start.Add(15 * time.Second), time.DateTime},
		{time.Time{}, time.TimeOnly}} {
		if got := clockLayout(start, c.end); got != c.want {
			t.Errorf("until %v: layout %s", c.end, got)
		}
	}
}

// Numbers of a forged manifest whose sums do not fit into 64 bits are not negative.
func TestSumsOfManifests(t *testing.T) {
	f := fixture.New()
	f.AddLoss(0, time.Second, 0, "syscall", math.MaxInt64)
	f.AddLoss(0, time.Second, 0, "syscall", math.MaxInt64)
	path := filepath.Join(t.TempDir(), "capture")
	lost := map[string]int64{"syscall": math.MaxInt64, "file": math.MaxInt64 - 1, "tcp": 3}
	if err := f.Write(path, time.Second, lost); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"info", path}, {"losses", path, path}, {"summary", path},
		{"losses", path, path, "--json"}} {
		var out, errors bytes.Buffer
		if code := run(args, strings.NewReader(""), &out, &errors); code != 0 {
			t.Fatalf("%v: %s", args, errors.String())
		}
		if text := out.String(); strings.Contains(text, "-9") || !strings.Contains(text, "9,223,372,036,854,775,807") &&
			!strings.Contains(text, "9223372036854775807") {
			t.Errorf("%v:\n%s", args, text)
		}
	}
}
