//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "testing"

// The hit of a call ends when the call returned, not when it began.
func TestHitEndsWithTheCall(t *testing.T) {
	b := newBatch(t, newTestParts(t).gatherer.table("syscall"),
		map[string]any{"ts": int64(50), "duration_ns": int64(1)},
		map[string]any{"ts": int64(20), "duration_ns": int64(1000)}, map[string]any{"ts": int64(30)})
	b.Generation = 7
	if got, want := firstHit(b, []uint64{0b111}, 3), (hit{7, 20, 1020, 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The hit of a call whose duration is not known ends when it began.
func TestHitOfUnknownDuration(t *testing.T) {
	b := newBatch(t, newTestParts(t).gatherer.table("syscall"),
		map[string]any{"ts": int64(50), "duration_ns": int64(-1)})
	if got := firstHit(b, []uint64{1}, 1); got.end != 50 {
		t.Errorf("ends at %d, want 50", got.end)
	}
}

// In a trigger, as in other filters, two names compare, and a task that is not known has no name.
func TestTriggerOnTwoNamesAndOnNobody(t *testing.T) {
	for src, want := range map[string]int{`tid == ppid`: 3, `tid != ppid`: 0, `comm == ""`: 3, `comm != ""`: 0,
		`uid == 0 && cgroup != 77`: 2} {
		d := newTestParts(t)
		trigger, err := CompileTrigger(src, []string{"process"})
		if err != nil {
			t.Fatal(err)
		}
		known, sweeps := d.gatherer.dimensions, d.lanes.sweeps
		store(known.byName("task"), 0, 1, 77)
		found := &hits{}
		m := newMatcher(trigger, known, nil, found, sweeps)
		b := newBatch(t, d.gatherer.table("process"), map[string]any{"ts": int64(0), "task": int32(1)},
			map[string]any{"ts": int64(1), "task": int32(0)}, map[string]any{"ts": int64(2), "task": int32(9)})
		sweeps.done.Store(true) // task 9 will not be announced any more
		if err := m.inspect(b, 1); err != nil {
			t.Fatal(err)
		}
		if h, _ := found.take(-1); h.rows != want {
			t.Errorf("%s: %d rows, want %d", src, h.rows, want)
		}
	}
}

// A trigger can be about the task of an event. If the task has not been announced yet, it waits for the next sweep.
func TestTriggerOnTask(t *testing.T) {
	d := newTestParts(t)
	trigger, err := CompileTrigger(`cgroup == 77`, []string{"process"})
	if err != nil {
		t.Fatal(err)
	}
	known, sweeps := d.gatherer.dimensions, d.lanes.sweeps
	task := known.byName("task")
	store(task, 0, 1, 77)
	store(task, 0, 2, 78)
	found := &hits{}
	m := newMatcher(trigger, known, nil, found, sweeps)
	process := d.gatherer.table("process")
	b := newBatch(t, process, map[string]any{"ts": int64(0), "task": int32(1)},
		map[string]any{"ts": int64(1), "task": int32(2)}, map[string]any{"ts": int64(2), "task": int32(3)})
	b.Generation = 1
	sweeps.count.Store(1)
	go func() {
		// The next sweep finds the announcement of task 3.
		sweeps.count.Add(1)
		store(task, 0, 3, 77)
		sweeps.count.Add(1)
	}()
	if err := m.inspect(b, 1); err != nil {
		t.Fatal(err)
	}
	if h, ok := found.take(0); !ok || h.rows != 2 {
		t.Errorf("%+v, want 2 rows", h)
	}
	// A task that is never announced: there will be no more sweeps.
	sweeps.done.Store(true)
	b.Column("task").I32[0] = 9
	if err := m.inspect(b, 1000); err != nil {
		t.Fatal(err)
	}
	if h, _ := found.take(0); h.rows != 1 {
		t.Errorf("%+v, want 1 row", h)
	}
}
