//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/bpf"
)

// A gatherer takes records from the rings into batches, and hands full ones to the lanes.
type gatherer struct {
	tables     []*table // by kind
	lanes      *lanes
	dimensions *dimensions // nil: nothing is dropped, and their rows are written as they come
	counts     *counts
	wall       int64 // what makes a monotonic time a Unix one, ns
	rowsLeft   int64 // events that may still be recorded; <0: no limit
}

func newGatherer(layouts []*bpf.Layout, budget *Budget, p *patience, lanes *lanes, wall int64) *gatherer {
	g := &gatherer{lanes: lanes, counts: &counts{}, wall: wall, rowsLeft: -1}
	for _, l := range layouts {
		if l == nil {
			g.tables = append(g.tables, nil)
		} else {
			g.tables = append(g.tables, newTable(l, budget, p))
		}
	}
	return g
}

// keepDimensions keeps rows that others refer to for the generations that need them, instead of writing them as they
// come; idle and limit are those of dimensions.
func (g *gatherer) keepDimensions(idle time.Duration, limit int64) {
	g.dimensions = newDimensions(g.tables, g.lanes, g.wall, idle, limit)
}

// emit takes what a sweep found, or leaves it where it is.
func (g *gatherer) emit(l *bpf.Layout, recs bpf.Records, cpu int32) error {
	t, event := g.tables[l.Kind], l.Schema.Event()
	if g.dimensions != nil && !event {
		if d := g.dimensions.of(l); d != nil {
			t.received += int64(recs.Len())
			d.learn(recs, monotonic())
			return nil
		}
	}
	if t.batch == nil {
		if !t.next() {
			return bpf.ErrNoRoom
		}
		if l.Bulk {
			// At once: a column that doubles leaves twice of it behind.
			t.batch.Grow(t.limit + bpf.MaxRecords)
		}
	}
	t.received += int64(recs.Len())
	if event {
		if g.rowsLeft >= 0 {
			recs = recs.Prefix(int(min(int64(recs.Len()), g.rowsLeft)))
			g.rowsLeft -= int64(recs.Len())
		}
		g.counts.rows.Add(int64(recs.Len()))
	}
	l.Gather(t.batch, recs, cpu, g.wall)
	if t.full() {
		g.hand(t)
	}
	return nil
}

// hand gives the batch of a table that emit fills to its lane.
func (g *gatherer) hand(t *table) {
	if g.dimensions != nil && t.batch != nil && t.layout.Schema.Event() {
		g.dimensions.note(t.batch)
	}
	g.lanes.hand(t, g.lanes.generation)
}

// handAll gives what has been gathered of every table to the lanes.
func (g *gatherer) handAll() {
	if g.dimensions != nil {
		g.dimensions.hand()
	}
	for _, t := range g.tables {
		if t != nil && (g.dimensions == nil || t.layout.Schema.Event()) {
			g.hand(t)
		}
	}
}

// flush hands on everything gathered, with the rows that it refers to.
func (g *gatherer) flush() {
	g.handAll()
	if g.dimensions != nil {
		g.dimensions.fill(monotonic())
		g.dimensions.hand()
	}
}

// table is the one of that name, nil if there is none.
func (g *gatherer) table(name string) *table {
	for _, t := range g.tables {
		if t != nil && t.layout.Schema.Table == name {
			return t
		}
	}
	return nil
}

// trim gives back the batches that were not needed for a while.
func (g *gatherer) trim() {
	for _, t := range g.tables {
		if t != nil {
			t.trim()
		}
	}
}
