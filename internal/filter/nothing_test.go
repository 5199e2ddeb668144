// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// seen is what a filter sees of a row: numbers and texts by name.
type seen struct {
	numbers map[string]int64
	texts   map[string]string
}

// joinedRows are calls of a known task, of task 0 and of a task whose announcement was lost, and what a filter must see
// of each.
func joinedRows(t *testing.T) (*format.Batch, *Env, []seen) {
	_, env := newTestCapture(t)
	batch := format.NewBatch(syscallSchema)
	for _, task := range []int32{1, 0, 99, 2} {
		if err := batch.AppendRow(row{"task": task, "nr": int32(257), "ret": int64(100)}); err != nil {
			t.Fatal(err)
		}
	}
	nothing := seen{map[string]int64{"tid": 0, "pid": 0, "ppid": 0, "uid": 0, "gid": 0, "cgroup": 0, "ret": 100},
		map[string]string{"comm": "", "exe": "", "cgroup": "", "container": "", "call": "openat", "name": "openat",
			"family": "syscall"}}
	nginx := seen{map[string]int64{"tid": 101, "pid": 100, "ppid": 1, "uid": 0, "gid": 0, "cgroup": 7, "ret": 100},
		map[string]string{"comm": "nginx", "exe": "/usr/sbin/nginx", "cgroup": "/system.slice/nginx.service",
			"container": "c0ffee", "call": "openat", "name": "openat", "family": "syscall"}}
	php := seen{map[string]int64{"tid": 200, "pid": 200, "ppid": 100, "uid": 1000, "gid": 1000, "cgroup": 8,
		"ret": 100},
		map[string]string{"comm": "php-fpm", "exe": "/usr/bin/php", "cgroup": "", "container": "", "call": "openat",
			"name": "openat", "family": "syscall"}}
	return batch, env, []seen{nginx, nothing, nothing, php}
}

// check compares the rows that match src with those for which want is true.
func checkSeen(t *testing.T, src string, want func(seen) bool) {
	t.Helper()
	batch, env, rows := joinedRows(t)
	p, err := Compile(src)
	if err != nil {
		t.Errorf("%s: %v", src, err)
		return
	}
	b, err := p.Bind(syscallSchema, env)
	if err != nil {
		t.Fatal(err)
	}
	sel := b.Match(project(batch, b.Columns()), nil)
	for i, r := range rows {
		if sel.Has(i) != want(r) {
			t.Errorf("%s: row %d: %t", src, i, sel.Has(i))
		}
		if sel.Has(i) && b.Never() {
			t.Errorf("%s: never, and matches", src)
		}
	}
}

func ordered[T cmp.Ordered](op string, x, y T) bool {
	switch op {
	case "==":
		return x == y
	case "!=":
		return x != y
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	}
	return x >= y
}

func textual(op, x, y string) bool {
	switch op {
	case "contains":
		return strings.Contains(x, y)
	case "startsWith":
		return strings.HasPrefix(x, y)
	case "endsWith":
		return bytes.HasSuffix([]byte(x), []byte(y))
	}
	return ordered(op, x, y)
}

// The row of a task that is not known reads as 0 and as empty, in every joined column and for every operator.
func TestWhatIsNotKnownReadsAsNothing(t *testing.T) {
	_, _, rows := joinedRows(t)
	for name := range rows[0].numbers {
		for _, op := range []string{"==", "!=", "<", "<=", ">", ">="} {
			for _, n := range []int64{-1, 0, 1, 100, 1000} {
				checkSeen(t, fmt.Sprintf("%s %s %d", name, op, n),
					func(s seen) bool { return ordered(op, s.numbers[name], n) })
				checkSeen(t, fmt.Sprintf("!(%s %s %d)", name, op, n),
					func(s seen) bool { return !ordered(op, s.numbers[name], n) })
			}
		}
		checkSeen(t, name+" in [0, 7]", func(s seen) bool { return s.numbers[name] == 0 || s.numbers[name] == 7 })
		checkSeen(t, name+" not in [0, 7]", func(s seen) bool { return s.numbers[name] != 0 && s.numbers[name] != 7 })
		checkSeen(t, name+" in 0..7", func(s seen) bool { return s.numbers[name] >= 0 && s.numbers[name] <= 7 })
	}
	for name := range rows[0].texts {
		for _, word := range []string{"", "nginx", "x"} {
			for _, op := range []string{"==", "!=", "contains", "startsWith", "endsWith"} {
				src := fmt.Sprintf("%s %s %q", name, op, word)
				checkSeen(t, src, func(s seen) bool { return textual(op, s.texts[name], word) })
				checkSeen(t, "!("+src+")", func(s seen) bool { return !textual(op, s.texts[name], word) })
			}
		}
		checkSeen(t, name+` matches "^$"`, func(s seen) bool { return s.texts[name] == "" })
		checkSeen(t, name+` not matches "^$"`, func(s seen) bool { return s.texts[name] != "" })
		checkSeen(t, name+` in ["", "x"]`, func(s seen) bool { return s.texts[name] == "" })
		checkSeen(t, name+` not in ["", "x"]`, func(s seen) bool { return s.texts[name] != "" })
	}
}

// Any two names that have values of a kind in common compare, whatever table the values are in.
func TestTwoNames(t *testing.T) {
	_, _, rows := joinedRows(t)
	for x := range rows[0].numbers {
		for y := range rows[0].numbers {
			for _, op := range []string{"==", "!=", "<", "<=", ">", ">="} {
				src := fmt.Sprintf("%s %s %s", x, op, y)
				checkSeen(t, src, func(s seen) bool { return ordered(op, s.numbers[x], s.numbers[y]) })
				checkSeen(t, "!("+src+")", func(s seen) bool { return !ordered(op, s.numbers[x], s.numbers[y]) })
			}
		}
	}
	for x := range rows[0].texts {
		for y := range rows[0].texts {
			for _, op := range []string{"==", "!=", "contains", "startsWith", "endsWith"} {
				if x == "cgroup" && y == "cgroup" && op[0] < 'a' {
					continue // compares ids
				}
				src := fmt.Sprintf("%s %s %s", x, op, y)
				checkSeen(t, src, func(s seen) bool { return textual(op, s.texts[x], s.texts[y]) })
				checkSeen(t, "!("+src+")", func(s seen) bool { return !textual(op, s.texts[x], s.texts[y]) })
			}
		}
	}
}

// A duration that is unknown is not short.
func TestUnknownDuration(t *testing.T) {
	batch := format.NewBatch(syscallSchema)
	for _, ns := range []int64{-1, 0, 5, 1000} {
		if err := batch.AppendRow(row{"duration_ns": ns, "ret": ns}); err != nil {
			t.Fatal(err)
		}
	}
	for src, want := range map[string]string{
		`duration < "1us"`: "bc", `duration <= 0`: "b", `duration < 0`: "a", `duration == -1`: "a",
		`duration <= -1`:   "a",
		`duration >= "0s"`: "bcd", `duration != -1`: "bcd", `duration_ns > -5`: "abcd", `!(duration < "1us")`: "ad",
		`"1us" > duration`: "bc", `ret < 1000`: "abc",
	} {
		p, err := Compile(src)
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Bind(syscallSchema, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, sel := "", b.Match(batch, nil)
		for i := sel.Next(0); i >= 0; i = sel.Next(i + 1) {
			got += string('a' + rune(i))
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", src, got, want)
		}
	}
}
