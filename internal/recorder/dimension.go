//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"bytes"
	"sync"

	"github.com/fletch-trace/fletch/bpf"
)

// A dimension is one table of rows that others refer to by id: what was announced of each id, as it came.
//
// The drain writes. Triggers, in the lanes, look.
type dimension struct {
	layout *bpf.Layout
	mu     sync.RWMutex   // of known
	known  map[int64]*row // by id
	pins   map[int64]int  // rows that are kept whatever their age: how often
}

// A row is what was announced of an id. It does not change.
type row struct {
	record []byte // bpf.Records.Copy
	used   int64  // when it was last announced or referred to, about; monotonic ns; the drain's
}

const (
	// maxIdle is how many rows of a dimension are kept that nothing refers to.
	maxIdle = 1 << 16
	// rowOverhead is what a row takes besides its record, about, bytes.
	rowOverhead = 128
)

func newDimension(l *bpf.Layout) *dimension {
	return &dimension{layout: l, known: make(map[int64]*row), pins: make(map[int64]int)}
}

// learn keeps announcements. at is monotonic ns.
func (d *dimension) learn(recs bpf.Records, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range recs.Len() {
		id, record := d.layout.ID(recs, i), recs.Copy(i)
		if k := d.known[id]; k != nil && bytes.Equal(k.record, record) {
			k.used = at
		} else {
			d.known[id] = &row{record, at}
		}
	}
}

// find is the record of an id, for other goroutines than the drain; ok says whether it is known.
func (d *dimension) find(id int64) (rec bpf.Records, ok bool) {
	d.mu.RLock()
	k := d.known[id]
	d.mu.RUnlock()
	if k == nil {
		return rec, false
	}
	return bpf.SingleRecord(k.record), true
}

// pin keeps a row until unpin.
func (d *dimension) pin(id int64) { d.pins[id]++ }

func (d *dimension) unpin(id int64) {
	if d.pins[id]--; d.pins[id] <= 0 {
		delete(d.pins, id)
	}
}

// forget drops rows that are not pinned and were neither announced nor referred to since before, if that is longer ago
// than idle, or if there are too many of them: more than maxIdle, or than limit bytes; 0: no limit. Times are ns.
func (d *dimension) forget(before, now, idle, limit int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var unused []int64
	var size int64
	for id, k := range d.known {
		switch {
		case k.used >= before || d.pins[id] > 0:
		case k.used < now-idle:
			delete(d.known, id)
		default:
			unused = append(unused, id)
			size += int64(len(k.record)) + rowOverhead
		}
	}
	if len(unused) > maxIdle || limit > 0 && size > limit {
		for _, id := range unused {
			delete(d.known, id)
		}
	}
}
