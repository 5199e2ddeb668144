// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"math"
	"strings"
	"testing"
)

func TestPruneTable(t *testing.T) {
	for _, c := range []struct {
		src  string
		want string // tables that remain
	}{
		{`ret < 0`, "syscall process tcp"},
		{`false`, ""},
		{`family == "syscall" && ret < 0`, "syscall"},
		{`ret < 0 && family == "syscall"`, "syscall"},
		{`family == "syscall" || ret < 0`, "syscall process tcp"},
		{`family == "syscall" || family == "tcp" && ret < 0`, "syscall tcp"},
		{`family != "syscall"`, "process tcp"},
		{`!(family == "syscall" && ret < 0)`, "syscall process tcp"},
		{`!(family == "syscall" || ret < 0)`, "process tcp"},
		{`family in ["tcp", "process"] && comm == "x"`, "process tcp"},
		{`family == 4`, "syscall process tcp"},
		{`family matches "^.c"`, "tcp"},
	} {
		p, err := Compile(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		var left []string
		for _, table := range []string{"syscall", "process", "tcp"} {
			if !p.PruneTable(table) {
				left = append(left, table)
			}
		}
		if got := strings.Join(left, " "); got != c.want {
			t.Errorf("%s leaves %s, want %s", c.src, got, c.want)
		}
	}
}

func TestTimeRange(t *testing.T) {
	const first, last = math.MinInt64, math.MaxInt64
	for _, c := range []struct {
		src      string
		from, to int64
	}{
		{`ret < 0`, first, last},
		{`true`, first, last},
		{`false`, last, first},
		{`ts >= 10`, 10, last},
		{`ts > 10`, 11, last},
		{`ts < 10`, first, 9},
		{`10 >= ts`, first, 10},
		{`ts == 10`, 10, 10},
		{`ts != 10`, first, last},
		{`!(ts != 10)`, 10, 10},
		{`!(ts < 10)`, 10, last},
		{`!(ts >= 10)`, first, 9},
		{`!(ts in 5..9)`, first, last},
		{`ts in 5..9`, 5, 9},
		{`ts in [7, 5, 30]`, 5, 30},
		{`ts >= 10 && ts < 20 && ret < 0`, 10, 19},
		{`ts < 10 || ts > 20`, first, last},
		{`(ts > 10 && ts < 12) || (ts == 20 && comm == "x")`, 11, 20},
		{`ts > 10 && ts < 5`, 11, 4},
		{`(ts > 10 && ts < 5) || ts == 7`, 7, 7},
		{`ts > 10 || ret < 0`, first, last},
		{`!(ts < 10 || ts > 20)`, 10, 20},
		{`ts >= "1970-01-01T00:00:01Z"`, 1e9, last},
		{`ts > 1.5`, 2, last},
		{`until > 10 && duration < 5`, first, last},
		{`ts > duration_ns`, first, last},
	} {
		p, err := Compile(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.src, err)
			continue
		}
		if from, to := p.TimeRange(); from != c.from || to != c.to {
			t.Errorf("%s: %d to %d, want %d to %d", c.src, from, to, c.from, c.to)
		}
	}
}
