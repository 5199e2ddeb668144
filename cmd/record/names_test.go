// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// newTestRecorder is one without a kernel: batches that are handed on stay in the lanes.
func newTestRecorder(t *testing.T) *recorder {
	t.Helper()
	layouts := bpf.Layouts()
	r := &recorder{
		plan: &plan{bulkRows: bulkRows, rareRows: rareRows, rareText: rareText}, codec: newCodecPolicy("zstd"), generation: 1,
		bulk: &lane{in: make(chan job, 64)}, rare: &lane{in: make(chan job, 64)}, rotation: &rotation{},
	}
	for _, l := range layouts {
		r.tables = append(r.tables, newTable(r, l))
	}
	r.names = newNames(r)
	return r
}

// announce is a record of a dimension as a ring holds it, of which only the id (and of a task the cgroup) is told.
func announce(d *dimension, id int64, cgroup int64) bpf.Records {
	data := make([]byte, 8+d.layout.Size)
	binary.NativeEndian.PutUint32(data, d.layout.Size)
	binary.NativeEndian.PutUint32(data[8:], d.layout.Kind)
	if d.layout.Schema.Columns[0].Type == format.Int32 {
		binary.NativeEndian.PutUint32(data[12:], uint32(id))
	} else {
		binary.NativeEndian.PutUint64(data[16:], uint64(id))
	}
	if d.layout.Schema.Table == "task" {
		binary.NativeEndian.PutUint64(data[8+d.layout.Size-16-8-8:], uint64(cgroup)) // before comm and exe
	}
	return bpf.One(data)
}

// events hands on a batch of an event table.
func (r *recorder) events(t *testing.T, table string, rows ...map[string]any) {
	t.Helper()
	b := format.NewBatch(r.table(table).layout.Schema)
	for _, row := range rows {
		if err := b.AppendRow(row); err != nil {
			t.Fatal(err)
		}
	}
	r.names.note(b)
}

// rowsOf takes the ids of a dimension's rows that were handed on.
func rowsOf(r *recorder, d *dimension) (ids []int64) {
	r.hand(d.table)
	for len(r.rare.in) > 0 {
		j := <-r.rare.in
		if j.batch.Schema == d.layout.Schema {
			for _, id := range j.batch.Columns[0].I32 {
				ids = append(ids, int64(id))
			}
			ids = append(ids, j.batch.Columns[0].I64...)
		}
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
func TestNamesOfAGeneration(t *testing.T) {
	r := newTestRecorder(t)
	n := r.names
	n.cgroup.learn(announce(n.cgroup, 77, 0), 1)
	for id := int64(1); id <= 3; id++ {
		n.task.learn(announce(n.task, id, 77), 1)
	}
	n.path.learn(announce(n.path, 5, 0), 1)
	r.events(t, "file", map[string]any{"task": int32(1), "path": int32(5)}, map[string]any{"task": int32(1)}, map[string]any{"task": int32(2), "path": int32(6)})
	if !n.fill(r, 2) {
		t.Fatal("no batches")
	}
	wantIDs(t, "tasks", rowsOf(r, n.task), 1, 2)
	wantIDs(t, "paths", rowsOf(r, n.path), 5)
	wantIDs(t, "cgroups", rowsOf(r, n.cgroup), 77)

	// The next generation begins before path 6 is announced; the first one still gets it, and nothing twice.
	n.turn()
	r.events(t, "syscall", map[string]any{"task": int32(2)})
	n.path.learn(announce(n.path, 6, 0), 3)
	n.fill(r, 3)
	wantIDs(t, "tasks when settled", rowsOf(r, n.task))
	wantIDs(t, "paths when settled", rowsOf(r, n.path), 6)
	if lost := n.missing(); len(lost) != 0 {
		t.Errorf("%v are lost", lost)
	}
	n.settle()

	n.fill(r, 4)
	wantIDs(t, "tasks of the second", rowsOf(r, n.task), 2)
	wantIDs(t, "cgroups of the second", rowsOf(r, n.cgroup), 77)
	wantIDs(t, "paths of the second", rowsOf(r, n.path))

	// What nobody announced is lost, once.
	r.events(t, "syscall", map[string]any{"task": int32(9)}, map[string]any{"task": int32(9)})
	n.fill(r, 5)
	if lost := n.missing(); lost["task"] != 1 || len(lost) != 1 {
		t.Errorf("%v are lost, want one task", lost)
	}
}

// Rows are forgotten when nothing will refer to them: not while a connection is open whose end may, and not before a minute.
func TestNamesAreForgotten(t *testing.T) {
	r := newTestRecorder(t)
	n := r.names
	for id := int64(1); id <= 4; id++ {
		n.task.learn(announce(n.task, id, 77), 0)
	}
	conn := func(op string, task, port int32) map[string]any {
		return map[string]any{"op": op, "task": task, "saddr": "127.0.0.1", "daddr": "127.0.0.1", "sport": port, "dport": int32(80)}
	}
	refused := conn("connect", 4, 1003)
	refused["ret"] = -int32(unix.ECONNREFUSED)
	r.events(t, "tcp", conn("connect", 1, 1001), conn("accept", 2, 1002), refused)
	n.fill(r, 0)
	known := func() (ids []int64) {
		for id := range n.task.known {
			ids = append(ids, id)
		}
		return ids
	}
	n.forget(1e9, 2e9, 0)
	wantIDs(t, "lingering", known(), 1, 2, 3, 4)
	n.forget(100e9, 101e9, 0)
	wantIDs(t, "pinned", known(), 1, 2)
	r.events(t, "tcp", conn("close", 1, 1001))
	n.forget(100e9, 101e9, 0)
	wantIDs(t, "closed", known(), 2)
	n.task.learn(announce(n.task, 5, 77), 100e9)
	n.forget(101e9, 102e9, 10)
	wantIDs(t, "over its memory", known(), 2)
}
