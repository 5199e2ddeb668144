//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// accounts ensure that produced = recorded + lost for each table. Lost are the events that found their ring full, that
// the kernel skipped, or that could not be written.
type accounts struct {
	*losses
	lanes   *lanes
	counts  *progressCounts
	session Session
	tables  []*table // by kind
	cpus    int
	probes  []format.Probe
}

// isEvent reports whether the table of that name holds events, not rows of a dimension.
func isEvent(table string) bool {
	t := schema.Of(table)
	return t != nil && t.Event()
}

// poll reads the loss counters of the BPF programs.
func (a *accounts) poll() { a.counts.lost.Add(a.losses.poll()) }

// send adds rows for the batches that the lanes refused, and sends the loss table's batch to a lane.
func (a *accounts) send() {
	a.lanes.takeRefused(func(table string, n int64) {
		at := monotonic()
		a.add(table, -1, at-int64(flushEvery), at, n)
		a.counts.lost.Add(n)
		if isEvent(table) {
			a.counts.rows.Add(-n)
		}
	})
	if b := a.take(); b != nil {
		a.lanes.sendLosses(b, a.free)
	}
}

// balance completes the accounts of a recording that began at started (monotonic ns). It is called when no more records
// are produced, and counts as lost what was emitted but not received, and the events for which the kernel skipped the
// programs. A difference between emitted and received is reported as a defect, unless the writer stalled and records
// were left in their rings.
func (a *accounts) balance(started int64, stalled bool, observer Observer) {
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
		a.add(name, -1, started, ended, missing)
		if !stalled {
			observer.Miscounted(fmt.Errorf("%s: %d records emitted, %d received", name, emitted, t.received))
		}
	}
	for _, p := range a.probes {
		missed, err := a.session.Missed(p.Family)
		if err != nil {
			observer.Miscounted(fmt.Errorf("events that the kernel skipped are not counted: %v", err))
		}
		if missed > 0 {
			a.add(p.Family, -1, started, ended, int64(missed))
		}
	}
}

// lost is the number of lost rows by table, including those that could not be written.
func (a *accounts) lost() map[string]int64 {
	lost := make(map[string]int64)
	for name, n := range a.total {
		lost[name] += n
	}
	a.addUnwritten(lost)
	return lost
}

// addUnwritten adds the rows that could not be written, which are not in the loss table.
func (a *accounts) addUnwritten(lost map[string]int64) {
	for _, l := range a.lanes.all() {
		for name, n := range l.unwritten {
			lost[name] += n
		}
	}
}

// lostTotal is the number of lost rows of all tables.
func (a *accounts) lostTotal() (n int64) {
	for _, lost := range a.lost() {
		n += lost
	}
	return n
}
