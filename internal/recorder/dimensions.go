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

// Dimensions keep each generation of a recording that drops its oldest ones whole by itself: what its events refer to
// has its row among its own.
//
// The programs announce a task and a path again in every epoch, which begins with a generation, but an announcement and
// an event that refers to it may be swept on either side of the border. So announcements are kept here first, and a
// generation is given the rows that its batches refer to. It is open until all of them have been swept.
type dimensions struct {
	all         []*keptDimension // a dimension before those that its own rows refer to
	columns     map[*format.Schema][]reference
	connections *connections
	lanes       *lanes
	wall        int64
	keepIdle    time.Duration
	limit       int64 // bytes that rows may take which are only kept because they might be referred to; 0: no limit
}

// A keptDimension is one of which each generation is given the rows that it needs.
type keptDimension struct {
	*dimension
	table *table
	now   *references // of the generation that events go into
	old   *references // of the one before while it is open, else nil
}

// A reference is a column of ids that lead to a dimension.
type reference struct {
	column int
	to     *keptDimension
}

// defaultKeepIdle is how long an unused row is kept: a socket that was shut down may take a minute (tcp_fin_timeout)
// until it is closed, by nobody, and the row of its end names who shut it down.
const defaultKeepIdle = 64 * time.Second

// newDimensions makes those of the tables, which are by kind.
func newDimensions(tables []*table, lanes *lanes, wall int64, keepIdle time.Duration, limit int64) *dimensions {
	d := &dimensions{
		columns: make(map[*format.Schema][]reference), lanes: lanes, wall: wall,
		keepIdle: cmp.Or(keepIdle, defaultKeepIdle), limit: limit,
	}
	byName := make(map[string]*keptDimension)
	for _, t := range tables {
		if t != nil && !t.layout.Schema.Event() {
			m := &keptDimension{dimension: newDimension(t.layout), table: t, now: newReferences(lanes.generation)}
			d.all, byName[t.layout.Schema.Table] = append(d.all, m), m
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
			}
		}
	}
	d.connections = newConnections(byName["task"].dimension)
	return d
}

// of is the dimension of a table, nil if it is none.
func (d *dimensions) of(l *bpf.Layout) *keptDimension {
	for _, m := range d.all {
		if m.layout == l {
			return m
		}
	}
	return nil
}

// named is the dimension of that name.
func (d *dimensions) named(table string) *dimension {
	for _, m := range d.all {
		if m.layout.Schema.Table == table {
			return m.dimension
		}
	}
	return nil
}

// note takes down what a batch of events refers to.
func (d *dimensions) note(b *format.Batch) {
	for _, r := range d.columns[b.Schema] {
		v := &b.Columns[r.column]
		r.to.now.addAll(v.I32)
		for _, id := range v.I64 {
			r.to.now.add(id)
		}
	}
	if b.Schema.Table == "tcp" {
		d.connections.follow(b)
	}
}

// begin begins a generation; the one before stays open until close.
func (d *dimensions) begin(generation int) {
	for _, m := range d.all {
		m.old, m.now = m.now, newReferences(generation)
	}
}

// close closes the generation before the current one.
func (d *dimensions) close() {
	for _, m := range d.all {
		m.old = nil
	}
}

// fill gives rows to what the batches of the oldest open generation refer to, as far as they are known and there are
// batches for them; it says whether there were. at is monotonic ns.
func (d *dimensions) fill(at int64) bool {
	enough := true
	for _, m := range d.all {
		refs := m.oldest()
		left := refs.missing[:0]
		for i, id := range refs.missing {
			k := m.known[id]
			if k == nil {
				left = append(left, id)
				continue
			}
			if !m.table.ready() {
				left = append(left, refs.missing[i:]...)
				enough = false
				break
			}
			k.used = at
			d.add(m, k)
			if m.table.full() {
				d.lanes.hand(m.table, refs.generation)
			}
		}
		refs.missing = left
	}
	return enough
}

// add appends a row to its table's batch, and takes down what it refers to itself.
func (d *dimensions) add(m *keptDimension, k *row) {
	b := m.table.batch
	m.layout.Gather(b, bpf.SingleRecord(k.record), -1, d.wall)
	for _, r := range d.columns[b.Schema] {
		switch v := &b.Columns[r.column]; v.Type {
		case format.Int64:
			r.to.oldest().add(v.I64[len(v.I64)-1])
		case format.Int32:
			r.to.oldest().add(int64(v.I32[len(v.I32)-1]))
		}
	}
}

// hand gives the rows that were filled in to the lane.
func (d *dimensions) hand() {
	for _, m := range d.all {
		d.lanes.hand(m.table, m.oldest().generation)
	}
}

// oldest are the references of the oldest open generation.
func (m *keptDimension) oldest() *references {
	if m.old != nil {
		return m.old
	}
	return m.now
}

// missing says how many ids of each table the oldest open generation refers to and nobody announced: rows that are
// lost, when everything that will be known is known.
func (d *dimensions) missing() map[string]int64 {
	lost := make(map[string]int64)
	for _, m := range d.all {
		if n := len(m.oldest().missing); n > 0 {
			lost[m.layout.Schema.Table] = int64(n)
		}
	}
	return lost
}

// forget drops rows that were neither announced nor referred to since before, and that no close of a connection will
// refer to any more. Names of cgroups stay: the programs announce them once, and not more than 65536. Times are
// monotonic ns.
func (d *dimensions) forget(before, now int64) {
	for _, m := range d.all {
		if m.layout.Schema.Table != "cgroup" {
			m.forget(before, now, int64(d.keepIdle), d.limit/2)
		}
	}
}
