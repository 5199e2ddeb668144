//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"bytes"
	"sync"

	"github.com/fletch-trace/fletch/bpf"
)

// A dimension is a table of rows that other tables refer to by id. It keeps the last record that the BPF programs
// announced for each id.
//
// Only the drain modifies it; triggers look up rows from the goroutines of the lanes.
type dimension struct {
	layout *bpf.Layout
	mu     sync.RWMutex   // guards rows; the drain may read them without it
	rows   map[int64]*row // by id
	pins   map[int64]int  // by id: how many pins keep the row, whatever its age
}

// A row is the record of an id.
type row struct {
	record   []byte // bpf.Records.Copy; never modified
	lastUsed int64  // about when it was last announced or referred to, monotonic ns; for the drain only
}

const (
	// maxUnusedRows is how many unused rows of a dimension are kept.
	maxUnusedRows = 1 << 16
	// rowOverhead is about how many bytes a row takes besides its record.
	rowOverhead = 128
)

func newDimension(l *bpf.Layout) *dimension {
	return &dimension{layout: l, rows: make(map[int64]*row), pins: make(map[int64]int)}
}

// store keeps the announced records. at is monotonic ns.
func (d *dimension) store(recs bpf.Records, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range recs.Len() {
		id, record := d.layout.ID(recs, i), recs.Copy(i)
		if r := d.rows[id]; r != nil && bytes.Equal(r.record, record) {
			r.lastUsed = at
		} else {
			d.rows[id] = &row{record, at}
		}
	}
}

// find returns the record of an id, for goroutines other than the drain; ok is false if it was not announced.
func (d *dimension) find(id int64) (rec bpf.Records, ok bool) {
	d.mu.RLock()
	r := d.rows[id]
	d.mu.RUnlock()
	if r == nil {
		return rec, false
	}
	return bpf.SingleRecord(r.record), true
}

// pin keeps a row until unpin has been called as often as pin.
func (d *dimension) pin(id int64) { d.pins[id]++ }

func (d *dimension) unpin(id int64) {
	if d.pins[id]--; d.pins[id] <= 0 {
		delete(d.pins, id)
	}
}

// forget deletes unused rows: those that are not pinned and were neither announced nor referred to since before. It
// deletes all that have been unused for longer than idle. If the others are more than maxUnusedRows, or take more than
// limit bytes (0: no limit), it deletes them too. before and now are monotonic ns, idle is ns.
func (d *dimension) forget(before, now, idle, limit int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var unused []int64
	var size int64
	for id, r := range d.rows {
		switch {
		case r.lastUsed >= before || d.pins[id] > 0:
		case r.lastUsed < now-idle:
			delete(d.rows, id)
		default:
			unused = append(unused, id)
			size += int64(len(r.record)) + rowOverhead
		}
	}
	if len(unused) > maxUnusedRows || limit > 0 && size > limit {
		for _, id := range unused {
			delete(d.rows, id)
		}
	}
}

// references are the ids of one dimension that a generation's batches refer to.
type references struct {
	generation int
	ids        map[int64]struct{}
	missing    []int64          // ids whose rows the generation does not have yet
	recent     [recentIDs]int64 // a cache in front of ids, indexed by the low bits of the id
}

const recentIDs = 1 << 10 // a power of two

func newReferences(generation int) *references {
	return &references{generation: generation, ids: make(map[int64]struct{})}
}

func (r *references) add(id int64) {
	if id <= 0 || r.recent[id&(recentIDs-1)] == id {
		return
	}
	r.recent[id&(recentIDs-1)] = id
	if _, ok := r.ids[id]; !ok {
		r.ids[id] = struct{}{}
		r.missing = append(r.missing, id)
	}
}

// addAll adds the ids in a column of a batch. Consecutive rows often have the same id, which is looked up once.
func (r *references) addAll(ids []int32) {
	var last int32
	for _, id := range ids {
		if id != last {
			r.add(int64(id))
			last = id
		}
	}
}
