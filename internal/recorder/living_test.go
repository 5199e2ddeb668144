//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// What is known of processes depends on the times of rows, not on their order.
func TestLivingProcesses(t *testing.T) {
	type event struct {
		ts        int64
		op        string
		pid, ppid int32
		args      string
	}
	for _, c := range []struct {
		name   string
		events []event
		want   string
	}{
		{"snapshot", []event{{1, "snapshot", 7, 1, "a b"}}, "7 1 [a b]"},
		{"fork copies the command line", []event{{1, "snapshot", 7, 1, "a b"}, {2, "fork", 8, 7, ""}},
			"7 1 [a b], 8 7 [a b]"},
		{"exec", []event{{1, "snapshot", 7, 1, "a"}, {2, "exec", 7, 1, "c d"}}, "7 1 [c d]"},
		{"exit", []event{{1, "snapshot", 7, 1, "a"}, {2, "exit", 7, 1, ""}}, ""},
		{"exit before its fork", []event{{3, "exit", 8, 7, ""}, {2, "fork", 8, 7, ""}}, ""},
		{"exec before its fork", []event{{3, "exec", 8, 7, "c"}, {2, "fork", 8, 7, ""}}, "8 7 [c]"},
		{"exec before the snapshot", []event{{3, "exec", 7, 1, "c"}, {5, "snapshot", 7, 1, "a"}}, "7 1 [c]"},
		{"exit before the snapshot", []event{{3, "exit", 7, 1, ""}, {5, "snapshot", 7, 1, "a"}}, ""},
		{"an id that is used again", []event{{2, "exec", 7, 1, "a"}, {3, "exit", 7, 1, ""}, {4, "fork", 7, 2, ""},
			{5, "exec", 7, 2, "b"}}, "7 2 [b]"},
		{"its rows in another order", []event{{5, "exec", 7, 2, "b"}, {4, "fork", 7, 2, ""}, {3, "exit", 7, 1, ""},
			{2, "exec", 7, 1, "a"}}, "7 2 [b]"},
	} {
		b := format.NewBatch(schema.Of("process").Schema)
		l := newLiving(newDimension(layoutOf("task"), &room{limit: 1 << 20}), 0, 1<<20)
		for _, e := range c.events {
			if err := b.AppendRow(map[string]any{
				"ts": e.ts, "op": e.op, "pid": e.pid, "ppid": e.ppid, "task": e.pid, "args": strings.Fields(e.args),
			}); err != nil {
				t.Fatal(err)
			}
			l.follow(b, b.Rows-1)
		}
		var got []string
		l.snapshot(func(pid int32, p *process) { got = append(got, fmt.Sprint(pid, p.ppid, p.args)) })
		if s := strings.Join(got, ", "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
		for pid := range l.byPID {
			l.end(pid, 100)
		}
		if l.bytes != 0 || len(l.tasks.pins) != 0 {
			t.Errorf("%s: %d bytes and %d pins are left", c.name, l.bytes, len(l.tasks.pins))
		}
		if l.forget(101); len(l.ended) != 0 {
			t.Errorf("%s: %d ends are kept", c.name, len(l.ended))
		}
	}
}

// Without room, processes are kept without their command lines, and then not at all.
func TestLivingIsBounded(t *testing.T) {
	b := format.NewBatch(schema.Of("process").Schema)
	l := newLiving(newDimension(layoutOf("task"), &room{limit: 1 << 20}), 0, 160_000)
	for pid := range int32(100) {
		if err := b.AppendRow(map[string]any{
			"ts": int64(1), "op": "exec", "pid": pid, "args": []string{strings.Repeat("x", 1000)},
		}); err != nil {
			t.Fatal(err)
		}
	}
	l.follow(b, 0)
	with := 0
	for _, p := range l.byPID {
		with += len(p.args)
	}
	if l.bytes > l.limit || len(l.byPID) < 10 || with == 0 || with == len(l.byPID) {
		t.Errorf("%d processes, %d with arguments, %d bytes of %d", len(l.byPID), with, l.bytes, l.limit)
	}
}

// A process whose end has no row is found in /proc: it is not there, or another one has its id.
func TestLivingIsVerified(t *testing.T) {
	b := format.NewBatch(schema.Of("process").Schema)
	l := newLiving(newDimension(layoutOf("task"), &room{limit: 1 << 20}), 0, 1<<20)
	original := startOf
	defer func() { startOf = original }()
	starts := map[string]string{"/proc/1": "10", "/proc/2": "20", "/proc/3": "30"}
	startOf = func(dir string) string { return starts[dir] }
	for pid := range int32(4) {
		if err := b.AppendRow(map[string]any{"ts": int64(1), "op": "exec", "pid": pid}); err != nil {
			t.Fatal(err)
		}
	}
	l.follow(b, 0)
	l.verify()
	starts["/proc/2"] = "25"
	delete(starts, "/proc/3")
	l.verify()
	if len(l.byPID) != 1 || l.byPID[1] == nil {
		t.Errorf("%v are left, want 1", l.byPID)
	}
	startOf = original
	if startOf("/proc/self") == "" || startOf("/proc/0") != "" {
		t.Errorf("this process began at %q, one that is not there at %q", startOf("/proc/self"), startOf("/proc/0"))
	}
}

// Announcements are swept from other rings than the rows that refer to them: the latest id counts, and an end does not
// take what is known of the next process with that number.
func TestLivingTasksByTime(t *testing.T) {
	l := newLiving(newDimension(layoutOf("task"), &room{limit: 1 << 20}), 0, 1<<20)
	exec := func(ts int64, pid, task int32) {
		b := format.NewBatch(schema.Of("process").Schema)
		if err := b.AppendRow(map[string]any{"ts": ts, "op": "exec", "pid": pid, "task": task}); err != nil {
			t.Fatal(err)
		}
		l.follow(b, 0)
	}
	l.setTask(l.of(7), 12, 5) // it changed its name, at 5
	exec(3, 7, 11)
	if got := l.byPID[7].task; got != 12 {
		t.Errorf("process 7 is task %d, want 12", got)
	}
	l.setTask(l.of(7), 20, 9) // another process with that number
	l.end(7, 6)
	if p := l.byPID[7]; p == nil || p.task != 20 || p.known {
		t.Errorf("process 7 is %+v, want task 20, of which no row has told", p)
	}
	exec(8, 7, 20)
	l.end(7, 10)
	if len(l.byPID) != 0 || len(l.tasks.pins) != 0 || l.bytes != 0 {
		t.Errorf("%d processes, %d pins and %d bytes are left", len(l.byPID), len(l.tasks.pins), l.bytes)
	}
}
