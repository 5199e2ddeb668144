//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func learn(d *dimension, at int64, id, cgroup int64) { d.learn(announce(d.layout, id, cgroup), at) }

// note hands on a batch of an event table.
func note(t *testing.T, g *gatherer, table string, rows ...map[string]any) {
	t.Helper()
	g.dimensions.note(newBatch(t, g.table(table), rows...))
}

// rowsOf takes the ids of a dimension's rows that were handed on.
func rowsOf(g *gatherer, d *dimension) (ids []int64) {
	g.dimensions.hand()
	for range len(g.lanes.rare.in) {
		j := <-g.lanes.rare.in
		if j.batch.Schema != d.layout.Schema {
			g.lanes.rare.in <- j
			continue
		}
		for _, id := range j.batch.Columns[0].I32 {
			ids = append(ids, int64(id))
		}
		ids = append(ids, j.batch.Columns[0].I64...)
		j.batch.Reset()
		j.free <- j.batch
	}
	return ids
}

func wantIDs(t *testing.T, what string, got []int64, want ...int64) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: rows of %v, want %v", what, got, want)
	}
}

// A generation gets the rows that its events refer to, each once, also those announced before and after it.
func TestRowsOfAGeneration(t *testing.T) {
	g := newTestParts(t).gatherer
	d := g.dimensions
	task, path, cgroup := d.named("task"), d.named("path"), d.named("cgroup")
	learn(cgroup, 1, 77, 0)
	for id := int64(1); id <= 3; id++ {
		learn(task, 1, id, 77)
	}
	learn(path, 1, 5, 0)
	note(t, g, "file", map[string]any{"task": int32(1), "path": int32(5)}, map[string]any{"task": int32(1)},
		map[string]any{"task": int32(2), "path": int32(6)})
	if !d.fill(2) {
		t.Fatal("no batches")
	}
	wantIDs(t, "tasks", rowsOf(g, task), 1, 2)
	wantIDs(t, "paths", rowsOf(g, path), 5)
	wantIDs(t, "cgroups", rowsOf(g, cgroup), 77)

	// The next generation begins before path 6 is announced; the first one still gets it, and nothing twice.
	d.begin(2)
	note(t, g, "syscall", map[string]any{"task": int32(2)})
	learn(path, 3, 6, 0)
	d.fill(3)
	wantIDs(t, "tasks when it is closed", rowsOf(g, task))
	wantIDs(t, "paths when it is closed", rowsOf(g, path), 6)
	if lost := d.missing(); len(lost) != 0 {
		t.Errorf("%v are lost", lost)
	}
	d.close()

	d.fill(4)
	wantIDs(t, "tasks of the second", rowsOf(g, task), 2)
	wantIDs(t, "cgroups of the second", rowsOf(g, cgroup), 77)
	wantIDs(t, "paths of the second", rowsOf(g, path))

	// What nobody announced is lost, once.
	note(t, g, "syscall", map[string]any{"task": int32(9)}, map[string]any{"task": int32(9)})
	d.fill(5)
	if lost := d.missing(); lost["task"] != 1 || len(lost) != 1 {
		t.Errorf("%v are lost, want one task", lost)
	}
}

// Rows are forgotten when nothing will refer to them: not while a connection is open whose end may, and not before a
// minute.
func TestRowsAreForgotten(t *testing.T) {
	g := newTestParts(t).gatherer
	d := g.dimensions
	task := d.named("task")
	for id := int64(1); id <= 4; id++ {
		learn(task, 0, id, 77)
	}
	conn := func(op string, task, port int32) map[string]any {
		return map[string]any{
			"op": op, "task": task, "saddr": "127.0.0.1", "daddr": "127.0.0.1", "sport": port, "dport": int32(80),
		}
	}
	refused := conn("connect", 4, 1003)
	refused["ret"] = -int32(unix.ECONNREFUSED)
	note(t, g, "tcp", conn("connect", 1, 1001), conn("accept", 2, 1002), refused)
	d.fill(0)
	known := func() (ids []int64) {
		for id := range task.known {
			ids = append(ids, id)
		}
		return ids
	}
	second := int64(time.Second)
	d.forget(second, 2*second)
	wantIDs(t, "idle", known(), 1, 2, 3, 4)
	d.forget(100*second, 101*second)
	wantIDs(t, "pinned", known(), 1, 2)
	note(t, g, "tcp", conn("close", 1, 1001))
	d.forget(100*second, 101*second)
	wantIDs(t, "closed", known(), 2)
	learn(task, 100*second, 5, 77)
	d.limit = 10
	d.forget(101*second, 102*second)
	wantIDs(t, "more than its memory", known(), 2)
}
