//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"cmp"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// dimensions make each generation self-contained in a recording that drops old generations: the generation has the rows
// that its events refer to.
//
// The programs announce each task and path again in every epoch, which begins with a generation. But an announcement
// and an event that refers to it may be swept before and after the end of a generation. So announcements are stored
// here first, and a generation gets the rows that its batches refer to. It stays open until all of them must have been
// swept.
type dimensions struct {
	all         []*trackedDimension            // each one before those that its own rows refer to
	columns     map[*format.Schema][]reference // the columns of ids in each table
	connections *connections
	lanes       *lanes
	wall        int64         // CLOCK_REALTIME - CLOCK_MONOTONIC, ns
	keepIdle    time.Duration // how long unused rows are kept
	room        *room
}

// A trackedDimension is a dimension with the references to it in the open generations.
type trackedDimension struct {
	*dimension
	shared   bool // rows of another dimension refer to it
	table    *table
	current  *references // of the generation that events are added to
	previous *references // of the generation before, while it is open; else nil
}

// A reference is a column whose ids refer to a dimension.
type reference struct {
	column int
	to     *trackedDimension
}

// defaultKeepIdle is longer than a minute (tcp_fin_timeout), after which the kernel closes a socket that was shut down.
// The row of that close refers to the task that shut it down.
const defaultKeepIdle = 64 * time.Second

// newDimensions makes the dimensions among tables, which are indexed by kind and may be nil. wall is CLOCK_REALTIME -
// CLOCK_MONOTONIC in ns, keepIdle is Config.KeepIdle, limit is Budget.dimensions: what all rows may take, in bytes.
func newDimensions(tables []*table, lanes *lanes, wall int64, keepIdle time.Duration, limit int64) *dimensions {
	d := &dimensions{
		columns: make(map[*format.Schema][]reference), lanes: lanes, wall: wall,
		keepIdle: cmp.Or(keepIdle, defaultKeepIdle), room: &room{limit: limit},
	}
	byName := make(map[string]*trackedDimension)
	for _, t := range tables {
		if t != nil && !t.layout.Schema.Event() {
			dim := &trackedDimension{dimension: newDimension(t.layout, d.room), table: t}
			dim.current = d.newReferences(lanes.generation)
			d.all, byName[t.layout.Schema.Table] = append(d.all, dim), dim
		}
	}
	for _, t := range tables {
		if t == nil {
			continue
		}
		s := t.layout.Schema
		for i, c := range schema.Of(s.Table).Columns {
			if to := byName[c.Dimension]; to != nil && c.Dimension != s.Table {
				d.columns[s] = append(d.columns[s], reference{i, to})
				to.shared = to.shared || !s.Event()
			}
		}
	}
	d.connections = newConnections(byName["task"].dimension, limit)
	return d
}

func (d *dimensions) newReferences(generation int) *references {
	return newReferences(generation, int(float64(d.room.limit)*referencesShare)/referenceBytes)
}

// byLayout is the dimension with that layout; nil: the table is not a dimension.
func (d *dimensions) byLayout(l *bpf.Layout) *trackedDimension {
	for _, dim := range d.all {
		if dim.layout == l {
			return dim
		}
	}
	return nil
}

// byName is the dimension of that name; nil: there is none.
func (d *dimensions) byName(table string) *dimension {
	for _, dim := range d.all {
		if dim.layout.Schema.Table == table {
			return dim.dimension
		}
	}
	return nil
}

// addReferences adds the ids in a batch of events to the references of the current generation.
func (d *dimensions) addReferences(b *format.Batch) {
	for _, r := range d.columns[b.Schema] {
		v := &b.Columns[r.column]
		r.to.current.addAll(v.I32)
		for _, id := range v.I64 {
			r.to.current.add(id)
		}
	}
	if b.Schema.Table == "tcp" {
		d.connections.follow(b)
	}
}

// crowded reports whether the epoch is to end, because what it added takes its share of the room.
func (d *dimensions) crowded() bool {
	added := d.room.added
	for _, dim := range d.all {
		added += int64(len(dim.current.ids)) * referenceBytes
	}
	return float64(added) > float64(d.room.limit)*epochShare
}

// beginGeneration begins an epoch, which may be the first one of a generation; the one before stays open until
// closeGeneration.
func (d *dimensions) beginGeneration(generation int) {
	d.room.added = 0
	for _, dim := range d.all {
		dim.previous, dim.current = dim.current, d.newReferences(generation)
	}
}

// closeGeneration closes the generation before the current one.
func (d *dimensions) closeGeneration() {
	for _, dim := range d.all {
		dim.previous = nil
	}
}

// addKnownRows adds the missing rows of the oldest open generation, as far as they were announced. It returns false if
// it had to stop for lack of a free batch. at is monotonic ns.
func (d *dimensions) addKnownRows(at int64) bool {
	complete := true
	for _, dim := range d.all {
		refs := dim.oldestOpen()
		unresolved := refs.missing[:0]
		for i, id := range refs.missing {
			r := dim.rows[id]
			if r == nil {
				unresolved = append(unresolved, id)
				continue
			}
			if !dim.table.ensureBatch() {
				unresolved = append(unresolved, refs.missing[i:]...)
				complete = false
				break
			}
			r.lastUsed = at
			d.addRow(dim, r)
			if dim.table.full() {
				d.lanes.send(dim.table, refs.generation)
			}
		}
		refs.missing = unresolved
	}
	return complete
}

// addRow appends a row to its table's batch, and adds the ids in it to the references.
func (d *dimensions) addRow(dim *trackedDimension, r *row) {
	b := dim.table.batch
	dim.layout.Gather(b, bpf.SingleRecord(r.record), -1, d.wall)
	for _, ref := range d.columns[b.Schema] {
		switch v := &b.Columns[ref.column]; v.Type {
		case format.Int64:
			ref.to.oldestOpen().add(v.I64[len(v.I64)-1])
		case format.Int32:
			ref.to.oldestOpen().add(int64(v.I32[len(v.I32)-1]))
		}
	}
}

// rowsFor returns the known rows of dimensions that batches of one generation refer to, directly and by these rows, as
// batches of that generation.
func (d *dimensions) rowsFor(batches []*format.Batch) (rows []*format.Batch) {
	refs := make(map[*trackedDimension]*references)
	collect := func(b *format.Batch) {
		for _, r := range d.columns[b.Schema] {
			if refs[r.to] == nil {
				refs[r.to] = d.newReferences(b.Generation)
			}
			v := &b.Columns[r.column]
			refs[r.to].addAll(v.I32)
			for _, id := range v.I64 {
				refs[r.to].add(id)
			}
		}
	}
	for _, b := range batches {
		collect(b)
	}
	for _, dim := range d.all {
		if refs[dim] == nil {
			continue
		}
		batch := format.NewBatch(dim.layout.Schema)
		batch.Generation = refs[dim].generation
		for _, id := range refs[dim].missing {
			if r := dim.rows[id]; r != nil {
				dim.layout.Gather(batch, bpf.SingleRecord(r.record), -1, d.wall)
			}
		}
		collect(batch)
		rows = append(rows, batch)
	}
	return rows
}

// send sends the batches of rows to their lane.
func (d *dimensions) send() {
	for _, dim := range d.all {
		d.lanes.send(dim.table, dim.oldestOpen().generation)
	}
}

// oldestOpen are the references of the oldest open generation.
func (d *trackedDimension) oldestOpen() *references {
	if d.previous != nil {
		return d.previous
	}
	return d.current
}

// missing is the number of rows, by table, that the oldest open generation refers to and that were not announced. When
// everything has been swept, these rows are lost.
func (d *dimensions) missing() map[string]int64 {
	lost := make(map[string]int64)
	for _, dim := range d.all {
		refs := dim.oldestOpen()
		if n := int64(len(refs.missing)) + refs.untold; n > 0 {
			lost[dim.layout.Schema.Table] = n
		}
	}
	return lost
}

// few reports whether it is not worth finding out which rows of other dimensions refer to its own: cgroups are few.
func (d *trackedDimension) few() bool { return d.shared && len(d.rows) <= fewRows }

const fewRows = 1 << 10

// forget deletes rows that were neither announced nor referred to since before, except those of tasks that have an open
// connection or run, and what the rows refer to that are left. Times are monotonic ns.
func (d *dimensions) forget(before, now int64) {
	for _, dim := range d.all {
		if dim.few() {
			continue
		}
		dim.forget(before, now, int64(d.keepIdle))
		for _, ref := range d.columns[dim.layout.Schema] {
			if ref.to.few() {
				continue
			}
			column := dim.layout.Schema.Columns[ref.column].Name
			for _, r := range dim.rows {
				if to := ref.to.rows[dim.layout.Int64At(bpf.SingleRecord(r.record), 0, column)]; to != nil {
					to.lastUsed = max(to.lastUsed, before)
				}
			}
		}
	}
}
