//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A generation is closed when a sweep has found all that was announced until its end, and not by one that left a ring
// early. What is not known by then is lost.
func TestGenerationIsClosedWhenAllWasSwept(t *testing.T) {
	d := newTestParts(t)
	r, sweeps := d.rotation, d.lanes.sweeps
	note(t, d.gatherer, "syscall", map[string]any{"task": int32(1)}, map[string]any{"task": int32(2)})
	d.gatherer.dimensions.begin(2)
	r.closing, r.closeAfter = &generation{number: 1}, 8
	sweeps.whole = 7
	sweeps.count.Store(100) // one that has left a ring early
	if err := r.rotate(time.Now()); err != nil || r.closing == nil {
		t.Fatalf("closed, and task 1 is not known: %v", err)
	}
	learn(d.gatherer.dimensions.named("task"), 1, 1, 0)
	sweeps.whole = 8
	if err := r.rotate(time.Now()); err != nil || r.closing != nil {
		t.Fatalf("not closed: %v", err)
	}
	if lost := d.accounts.total; len(lost) != 1 || lost["task"] != 1 {
		t.Errorf("%v are lost, want task 2", lost)
	}
}

// What was lost in a generation is told by its own rows, also when it was lost just before its end: a dump has them.
func TestGenerationTellsItsLosses(t *testing.T) {
	d := newTestParts(t)
	d.accounts.open = []window{{table: "syscall", cpu: 1, count: 5, from: 1, until: 2}, {table: "file"}}
	d.rotation.end(nil)
	if len(d.lanes.rare.in) != 1 {
		t.Fatalf("%d batches, want the one of losses", len(d.lanes.rare.in))
	}
	b := (<-d.lanes.rare.in).batch
	if b.Schema != format.LossSchema || b.Rows != 1 || b.Generation != 1 || b.Column("count").I64[0] != 5 {
		t.Errorf("%d rows of %s in generation %d", b.Rows, b.Schema.Table, b.Generation)
	}
	if d.accounts.open[0].count != 0 || d.accounts.total["syscall"] != 5 {
		t.Errorf("still open: %+v", d.accounts.open[0])
	}
}
