//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

func store(d *dimension, at int64, id, cgroup int64) { d.store(announce(d.layout, id, cgroup), at) }

// addEvents adds the references in a batch of events with these rows.
func addEvents(t *testing.T, g *gatherer, table string, rows ...map[string]any) {
	t.Helper()
	g.dimensions.addReferences(newBatch(t, g.table(table), rows...))
}

// rowsOf takes the rows of a dimension out of the lane, and returns their ids.
func rowsOf(g *gatherer, d *dimension) (ids []int64) {
	g.dimensions.send()
	for range len(g.lanes.named.jobs) {
		j := <-g.lanes.named.jobs
		if j.batch.Schema != d.layout.Schema {
			g.lanes.named.jobs <- j
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

// A generation gets the rows that its events refer to, each once, including rows announced before it and after its end.
func TestRowsOfAGeneration(t *testing.T) {
	g := newTestParts(t).gatherer
	d := g.dimensions
	task, path, cgroup := d.byName("task"), d.byName("path"), d.byName("cgroup")
	store(cgroup, 1, 77, 0)
	for id := int64(1); id <= 3; id++ {
		store(task, 1, id, 77)
	}
	store(path, 1, 5, 0)
	addEvents(t, g, "file", map[string]any{"task": int32(1), "path": int32(5)}, map[string]any{"task": int32(1)},
		map[string]any{"task": int32(2), "path": int32(6)})
	if !d.addKnownRows(2) {
		t.Fatal("no free batches")
	}
	wantIDs(t, "tasks", rowsOf(g, task), 1, 2)
	wantIDs(t, "paths", rowsOf(g, path), 5)
	wantIDs(t, "cgroups", rowsOf(g, cgroup), 77)

	// The next generation begins before path 6 is announced. The first one still gets it, and no row twice.
	d.beginGeneration(2)
	addEvents(t, g, "syscall", map[string]any{"task": int32(2)})
	store(path, 3, 6, 0)
	d.addKnownRows(3)
	wantIDs(t, "tasks when it is closed", rowsOf(g, task))
	wantIDs(t, "paths when it is closed", rowsOf(g, path), 6)
	if lost := d.missing(); len(lost) != 0 {
		t.Errorf("%v are lost", lost)
	}
	d.closeGeneration()

	d.addKnownRows(4)
	wantIDs(t, "tasks of the second", rowsOf(g, task), 2)
	wantIDs(t, "cgroups of the second", rowsOf(g, cgroup), 77)
	wantIDs(t, "paths of the second", rowsOf(g, path))

	// A row that was never announced is lost, once for all events that refer to it.
	addEvents(t, g, "syscall", map[string]any{"task": int32(9)}, map[string]any{"task": int32(9)})
	d.addKnownRows(5)
	if lost := d.missing(); lost["task"] != 1 || len(lost) != 1 {
		t.Errorf("%v are lost, want one task", lost)
	}
}

// Unused rows are deleted after a minute, but not those of tasks with an open connection, whose close refers to them.
func TestUnusedRowsAreDeleted(t *testing.T) {
	g := newTestParts(t).gatherer
	d := g.dimensions
	task := d.byName("task")
	for id := int64(1); id <= 4; id++ {
		store(task, 0, id, 77)
	}
	conn := func(op string, task, port int32) map[string]any {
		return map[string]any{
			"op": op, "task": task, "saddr": "127.0.0.1", "daddr": "127.0.0.1", "sport": port, "dport": int32(80),
		}
	}
	refused := conn("connect", 4, 1003)
	refused["ret"] = -int32(unix.ECONNREFUSED)
	addEvents(t, g, "tcp", conn("connect", 1, 1001), conn("accept", 2, 1002), refused)
	d.addKnownRows(0)
	known := func() (ids []int64) {
		for id := range task.rows {
			ids = append(ids, id)
		}
		return ids
	}
	second := int64(time.Second)
	d.forget(second, 2*second)
	wantIDs(t, "idle", known(), 1, 2, 3, 4)
	d.forget(100*second, 101*second)
	wantIDs(t, "pinned", known(), 1, 2)
	addEvents(t, g, "tcp", conn("close", 1, 1001))
	d.forget(100*second, 101*second)
	wantIDs(t, "closed", known(), 2)
	store(task, 100*second, 5, 77)
	store(task, 100*second, 6, 77)
	size := task.rows[5].size()
	if d.room.rows != 3*size {
		t.Errorf("three rows take %d bytes, want %d", d.room.rows, 3*size)
	}
	d.room.limit = int64(float64(size)*1.5/unusedShare) + 1
	d.forget(101*second, 102*second)
	wantIDs(t, "above the memory limit", known(), 2)
	d.room.limit = size
	d.forget(101*second, 102*second)
	wantIDs(t, "pinned above the memory limit", known())
	if d.room.rows != 0 {
		t.Errorf("no rows take %d bytes", d.room.rows)
	}
}

// However many ids are announced and referred to, the rows take no more than they may, each row that an event refers to
// is written or missing, and an epoch that adds much ends, after which two epochs' rows are kept.
func TestRoomOfDimensionsIsLimited(t *testing.T) {
	g := newTestParts(t).gatherer
	d := g.dimensions
	task := d.byName("task")
	d.room.limit = 1 << 20
	id, epochs := int64(0), 0
	written, missing := 0, 0
	for range 200 {
		rows := make([]map[string]any, 100)
		for i := range rows {
			id++
			store(task, id, id, 77)
			rows[i] = map[string]any{"task": int32(id)}
		}
		addEvents(t, g, "syscall", rows...)
		if d.room.rows > d.room.limit+task.rows[1].size() {
			t.Fatalf("%d bytes of rows, the limit is %d", d.room.rows, d.room.limit)
		}
		if g.crowded() && epochs < 3 {
			epochs++
			d.beginGeneration(1)
			if !d.addKnownRows(id) {
				t.Fatal("no free batch")
			}
			written += len(rowsOf(g, task))
			missing += int(d.missing()["task"])
			d.closeGeneration()
			if g.crowded() {
				t.Fatal("the epoch that has just begun is to end")
			}
		}
	}
	d.addKnownRows(id)
	written += len(rowsOf(g, task))
	missing += int(d.missing()["task"])
	if epochs != 3 || missing == 0 || int64(written+missing) != id {
		t.Errorf("%d epochs, %d rows and %d missing, want %d", epochs, written, missing, id)
	}
	before := d.room.rows
	d.forget(id+1, id+1)
	if d.room.rows >= before/2 {
		t.Errorf("%d of %d bytes are left of rows that nothing used", d.room.rows, before)
	}
}

// A host may make cgroups without end: those that no task refers to are forgotten.
func TestCgroupsAreForgotten(t *testing.T) {
	g := newTestParts(t).gatherer
	d := g.dimensions
	task, cgroup := d.byName("task"), d.byName("cgroup")
	for id := int64(1); id <= 2*fewRows; id++ {
		store(cgroup, 0, id, 0)
	}
	store(task, 100, 1, 7)
	d.keepIdle = 1
	d.forget(50, 1000)
	if len(cgroup.rows) != 1 || cgroup.rows[7] == nil {
		t.Errorf("%d cgroups are left, want the one that a task refers to", len(cgroup.rows))
	}
}

// The time that collecting references takes per event, in ns/row.
func BenchmarkAddReferences(b *testing.B) {
	s := &format.Schema{Table: "syscall", Columns: []format.Column{{Name: "task", Type: format.Int32}}}
	task := &trackedDimension{current: newReferences(1, 1000)}
	d := &dimensions{columns: map[*format.Schema][]reference{s: {{0, task}}}}
	batch := format.NewBatch(s)
	for i := range int32(bulkRows) {
		batch.Columns[0].I32 = append(batch.Columns[0].I32, i/8%500+1) // runs of 8 by 500 tasks
	}
	b.ReportAllocs()
	for b.Loop() {
		d.addReferences(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/bulkRows, "ns/row")
}

// The task of a connection is kept from the row that opens it, which may be a snapshot, to its close; an end is
// neither.
func TestTasksOfConnectionsArePinned(t *testing.T) {
	g := newTestParts(t).gatherer
	c := g.dimensions.connections
	row := func(op string, task, port int32, ret int32) map[string]any {
		return map[string]any{"op": op, "task": task, "saddr": "::1", "sport": port, "daddr": "::1", "dport": int32(80),
			"ret": ret}
	}
	follow := func(rows ...map[string]any) { c.follow(newBatch(t, g.table("tcp"), rows...)) }
	follow(row("snapshot", 1, 1001, 0), row("connect", 2, 1002, 0), row("connect", 3, 1003, -111))
	follow(row("end", 4, 1004, 0))
	follow(row("end", 1, 1001, 0), row("snapshot", 2, 1002, 0))
	if len(c.open) != 2 {
		t.Errorf("%d connections are open, want 2", len(c.open))
	}
	follow(row("close", 1, 1001, 0), row("close", 2, 1002, -104))
	if len(c.open) != 0 {
		t.Errorf("%d connections are open, want none", len(c.open))
	}
}

// A row without a text, of a task that has ended since, does not replace the one that has it.
func TestRowsKeepTheirTexts(t *testing.T) {
	d := newDimension(layoutOf("task"), &room{limit: 1 << 20})
	row := newRecord(d.layout)
	binary.NativeEndian.PutUint32(row[12:], 1)
	named := append(slices.Clone(row), "/bin/true"...)
	binary.NativeEndian.PutUint32(named, d.layout.Size+9)
	for _, r := range [][]byte{row, named, row} {
		d.store(bpf.SingleRecord(r), 1)
	}
	if got := d.rows[1].size(); got != int64(len(named))+rowOverhead || d.room.rows != got {
		t.Errorf("a row of %d bytes is kept, and %d bytes are counted", got, d.room.rows)
	}
}
