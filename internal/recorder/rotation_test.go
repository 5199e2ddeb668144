//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"slices"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A generation is closed after a complete sweep, not after one that left a ring early. Rows that were not announced by
// then are lost.
func TestGenerationIsClosedAfterCompleteSweep(t *testing.T) {
	d := newTestParts(t)
	r, sweeps := d.rotation, d.lanes.sweeps
	addEvents(t, d.gatherer, "syscall", map[string]any{"task": int32(1)}, map[string]any{"task": int32(2)})
	d.gatherer.dimensions.beginGeneration(2)
	r.closingEpoch, r.closing, r.closeAfter = true, &generation{number: 1}, 8
	sweeps.complete = 7
	sweeps.count.Store(100) // the last ones were not complete
	if err := r.rotate(time.Now()); err != nil || r.closing == nil {
		t.Fatalf("closed before task 1 was announced: %v", err)
	}
	store(d.gatherer.dimensions.byName("task"), 1, 1, 0)
	sweeps.complete = 8
	if err := r.rotate(time.Now()); err != nil || r.closing != nil {
		t.Fatalf("not closed: %v", err)
	}
	if lost := d.accounts.total; len(lost) != 1 || lost["task"] != 1 {
		t.Errorf("lost rows: %v, want one of task", lost)
	}
}

// Without room for what an epoch adds, another one begins in the same generation, and the first one is closed like a
// generation.
func TestEpochEndsWithoutRoom(t *testing.T) {
	d := newTestParts(t)
	r, sweeps := d.rotation, d.lanes.sweeps
	var epochs []uint32
	r.setEpoch = func(n uint32) error { epochs = append(epochs, n); return nil }
	r.keeper, r.listed = &keeper{}, true
	task := d.gatherer.dimensions.byName("task")
	rotate := func() {
		t.Helper()
		sweeps.complete++
		if err := r.rotate(time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	rotate()
	task.room.limit = 1 << 20
	for id := range int64(1 << 12) {
		store(task, monotonic(), id, 0)
	}
	addEvents(t, d.gatherer, "syscall", map[string]any{"task": int32(1 << 12)})
	rotate()
	if !slices.Equal(epochs, []uint32{1}) || d.lanes.generation != 1 || !r.closingEpoch || r.closing != nil {
		t.Fatalf("epochs %v, generation %d", epochs, d.lanes.generation)
	}
	for range 3 {
		rotate()
	}
	if len(epochs) != 1 || r.closingEpoch || d.accounts.total["task"] != 1 {
		t.Errorf("epochs %v, lost %v", epochs, d.accounts.total)
	}
}

// The losses of a generation are rows of that generation, also those just before its end, so a dump has them.
func TestGenerationHasItsLosses(t *testing.T) {
	d := newTestParts(t)
	d.accounts.intervals = []lossInterval{{table: "syscall", cpu: 1, count: 5, from: 1, until: 2}, {table: "file"}}
	d.rotation.endGeneration(nil)
	if len(d.lanes.rare.jobs) != 1 {
		t.Fatalf("%d batches, want one, of the loss table", len(d.lanes.rare.jobs))
	}
	b := (<-d.lanes.rare.jobs).batch
	if b.Schema != format.LossSchema || b.Rows != 1 || b.Generation != 1 || b.Column("count").I64[0] != 5 {
		t.Errorf("%d rows of %s in generation %d", b.Rows, b.Schema.Table, b.Generation)
	}
	if d.accounts.intervals[0].count != 0 || d.accounts.total["syscall"] != 5 {
		t.Errorf("the interval is still open: %+v", d.accounts.intervals[0])
	}
}
