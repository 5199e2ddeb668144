//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Accounts see to it that for each table produced = recorded + lost: what the programs had no room for, what the kernel
// skipped, and what could not be written.
type accounts struct {
	*losses
	lanes   *lanes
	counts  *counts
	session Session
	tables  []*table // by kind
	cpus    int
	probes  []format.Probe
}

// isEvent says whether a table is one of events, by its name.
func isEvent(table string) bool {
	t := schema.Of(table)
	return t != nil && t.Event()
}

// poll looks at the programs' counters.
func (a *accounts) poll() { a.counts.lost.Add(a.losses.poll()) }

// hand gives the rows of the loss table so far to a lane, with those of what had no room in the window.
func (a *accounts) hand() {
	a.lanes.takeRefused(func(table string, n int64) {
		at := monotonic()
		a.add(table, -1, at-int64(flushEvery), at, n)
		a.counts.lost.Add(n)
		if isEvent(table) {
			a.counts.rows.Add(-n)
		}
	})
	if b := a.take(); b != nil {
		a.lanes.handLosses(b, a.free)
	}
}

// balance completes the accounts of a recording that began at begun (monotonic ns), once nothing more is produced:
// every record that the programs say they emitted was taken from a ring, and every event that they never saw, because
// the kernel skipped them, is counted as lost. stalled says that records were left in their rings.
func (a *accounts) balance(begun int64, stalled bool, observer Observer) {
	a.losses.finish()
	ended := monotonic()
	for _, t := range a.tables {
		if t == nil {
			continue
		}
		var emitted int64
		for cpu := range a.cpus {
			emitted += int64(a.session.Counts(t.layout.Kind, cpu).Emitted)
		}
		missing, name := emitted-t.received, t.layout.Schema.Table
		if missing == 0 {
			continue
		}
		a.add(name, -1, begun, ended, missing)
		if !stalled {
			observer.Miscounted(fmt.Errorf("%s: %d records emitted, %d received", name, emitted, t.received))
		}
	}
	for _, p := range a.probes {
		missed, err := a.session.Missed(p.Family)
		if err != nil {
			observer.Miscounted(fmt.Errorf("what the kernel skipped is not counted: %v", err))
		}
		if missed > 0 {
			a.add(p.Family, -1, begun, ended, int64(missed))
		}
	}
}

// lost is what was lost of each table: by the programs, and by writes that failed.
func (a *accounts) lost() map[string]int64 {
	lost := make(map[string]int64)
	for name, n := range a.total {
		lost[name] += n
	}
	a.addDropped(lost)
	return lost
}

// addDropped adds what was lost because it could not be written, and so is not in the loss table.
func (a *accounts) addDropped(lost map[string]int64) {
	for _, l := range a.lanes.both() {
		for name, n := range l.dropped {
			lost[name] += n
		}
	}
}

// lostTotal is lost of all tables together.
func (a *accounts) lostTotal() (n int64) {
	for _, lost := range a.lost() {
		n += lost
	}
	return n
}
