//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// A gatherer copies records from the rings into batches, and sends full batches to the lanes.
type gatherer struct {
	tables     []*table // by kind
	lanes      *lanes
	dimensions *dimensions // nil: no generation is dropped, and rows of dimensions are written as they arrive
	living     *living     // nil: no generation is dropped, or family process is not recorded
	counts     *progressCounts
	wall       int64 // CLOCK_REALTIME - CLOCK_MONOTONIC, ns
	rowsLeft   int64 // events that may still be recorded; <0: no limit
}

func newGatherer(layouts []*bpf.Layout, budget *Budget, wait *laneWait, lanes *lanes, wall int64) *gatherer {
	g := &gatherer{lanes: lanes, counts: &progressCounts{}, wall: wall, rowsLeft: -1}
	for _, l := range layouts {
		if l == nil {
			g.tables = append(g.tables, nil)
		} else {
			g.tables = append(g.tables, newTable(l, budget, wait))
		}
	}
	return g
}

// keepDimensions makes the gatherer store the rows of dimensions and add them to each generation that refers to them,
// instead of writing them as they arrive. idle and limit are those of newDimensions.
func (g *gatherer) keepDimensions(idle time.Duration, limit int64) {
	g.dimensions = newDimensions(g.tables, g.lanes, g.wall, idle, limit)
}

// crowded reports whether the epoch is to end, because there is no more room for what it adds.
func (g *gatherer) crowded() bool {
	return g.dimensions != nil && (g.dimensions.crowded() || g.living != nil && g.living.crowded())
}

// emit is the gatherer's bpf.Emit: it copies records into their table's batch. If there is no free batch it returns
// bpf.ErrNoRoom, and the records stay in their ring.
func (g *gatherer) emit(l *bpf.Layout, recs bpf.Records, cpu int32) error {
	return g.gather(l, recs, cpu, l.Schema.Event())
}

// gather is emit; counts says whether the records count as events for limits and progress.
func (g *gatherer) gather(l *bpf.Layout, recs bpf.Records, cpu int32, counts bool) error {
	t, event := g.tables[l.Kind], l.Schema.Event()
	if g.dimensions != nil && !event {
		if d := g.dimensions.byLayout(l); d != nil {
			t.received += int64(recs.Len())
			d.store(recs, monotonic())
			if g.living != nil && d.dimension == g.living.tasks {
				g.living.identify(l, recs)
			}
			return nil
		}
	}
	if t.batch == nil {
		if !t.takeBatch() {
			return bpf.ErrNoRoom
		}
		if l.Bulk {
			// Allocated at full size: columns that grow by doubling would leave as much garbage again.
			t.batch.Grow(t.maxRows + bpf.MaxRecords)
		}
	}
	t.received += int64(recs.Len())
	if counts {
		if g.rowsLeft >= 0 {
			recs = recs.Prefix(int(min(int64(recs.Len()), g.rowsLeft)))
			g.rowsLeft -= int64(recs.Len())
		}
		g.counts.rows.Add(int64(recs.Len()))
	}
	l.Gather(t.batch, recs, cpu, g.wall)
	if g.living != nil && l.Schema.Table == "process" {
		g.living.follow(t.batch, t.batch.Rows-recs.Len())
	}
	if t.full() {
		g.send(t)
	}
	return nil
}

// send sends the batch of a table to its lane, and adds the ids in it to the references of its generation.
func (g *gatherer) send(t *table) {
	if g.dimensions != nil && t.batch != nil && t.layout.Schema.Event() {
		g.dimensions.addReferences(t.batch)
	}
	g.lanes.send(t, g.lanes.generation)
}

// listUsed returns what the processes that are there have used. processes is Session.Processes.
func (g *gatherer) listUsed(processes func(bpf.Emit) error) (bpf.Used, error) {
	rows := format.NewBatch(g.table("process").layout.Schema)
	err := processes(func(l *bpf.Layout, recs bpf.Records, cpu int32) error {
		l.Gather(rows, recs, cpu, g.wall)
		return nil
	})
	return bpf.NewUsed(rows), err
}

// snapshotLiving begins a generation with the processes that are known to have run at that time, ns since the Unix
// epoch, or have begun since, and what they have used. It returns false if there is no free batch. These rows are no
// events: they do not count, and triggers do not look at them.
func (g *gatherer) snapshotLiving(at int64, used bpf.Used) bool {
	t := g.table("process")
	g.send(t)
	full := true
	g.living.snapshot(func(pid int32, p *process) {
		if full = full && t.ensureBatch(); !full {
			return
		}
		row := map[string]any{
			"ts": max(at, p.at), "cpu": int32(-1), "task": p.task, "op": "snapshot", "pid": pid, "ppid": p.ppid,
			"filename": p.filename, "args": p.args,
		}
		used.PutInto(row, pid)
		_ = t.batch.AppendRow(row) // an error would be a wrong column name or type
		if t.full() {
			g.sendQuietly(t)
		}
	})
	g.sendQuietly(t)
	return full
}

// sendQuietly is send for rows that triggers do not look at.
func (g *gatherer) sendQuietly(t *table) {
	g.lanes.quiet = true
	g.send(t)
	g.lanes.quiet = false
}

// sendAll sends the batches of all tables to the lanes.
func (g *gatherer) sendAll() {
	if g.dimensions != nil {
		g.dimensions.send()
	}
	for _, t := range g.tables {
		if t != nil && (g.dimensions == nil || t.layout.Schema.Event()) {
			g.send(t)
		}
	}
}

// flush sends the batches of all tables, and the rows that they refer to, as far as these are known.
func (g *gatherer) flush() {
	g.sendAll()
	if g.dimensions != nil {
		g.dimensions.addKnownRows(monotonic())
		g.dimensions.send()
	}
}

// table is the table of that name, nil if there is none.
func (g *gatherer) table(name string) *table {
	for _, t := range g.tables {
		if t != nil && t.layout.Schema.Table == name {
			return t
		}
	}
	return nil
}

// trim frees the batches that were not needed since the last trim.
func (g *gatherer) trim() {
	for _, t := range g.tables {
		if t != nil {
			t.trim()
		}
	}
}

// release frees all batches, when the lanes have ended. A manifest of many segments takes much memory while it is
// encoded.
func (g *gatherer) release() {
	for _, t := range g.tables {
		if t != nil {
			t.batch, t.free = nil, nil
		}
	}
}

// progressCounts are the events of the recording so far, as Recorder.Progress returns them.
type progressCounts struct {
	rows atomic.Int64 // recorded, without what ran or was open when the recording began
	lost atomic.Int64
}
