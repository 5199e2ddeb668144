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
	room   *room
	mu     sync.RWMutex   // guards rows; the drain may read them without it
	rows   map[int64]*row // by id
	pins   map[int64]int  // by id: how many pins keep the row, whatever its age
}

// room is what all dimensions together may take, and what they take, in bytes.
type room struct {
	limit int64
	rows  int64 // what all rows take
	added int64 // what the rows take that the current epoch added
}

const (
	// An epoch ends when it has added epochShare of the limit. The rows of two epochs are kept, and of each dimension
	// unusedShare of the limit for rows that neither used, and as much for pinned ones. What living knows takes
	// livingShare. The rest is for what arrives until an epoch can be closed.
	epochShare  = 3.0 / 16
	unusedShare = 1.0 / 16
	livingShare = 1.0 / 4
	// An epoch refers to as many ids of a dimension as take referencesShare: more only if it takes long to close the
	// one before.
	referencesShare = 1.0 / 4

	referenceBytes = 48 // about what a reference takes
	pinBytes       = 64 // about what a pin takes, and the connection that it is for
)

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

func newDimension(l *bpf.Layout, room *room) *dimension {
	return &dimension{layout: l, room: room, rows: make(map[int64]*row), pins: make(map[int64]int)}
}

func (r *row) size() int64 { return int64(len(r.record)) + rowOverhead }

// store keeps the announced records, as far as there is room. What there is no room for is missing if something refers
// to it, until the next epoch announces it again. A task that has ended has no memory any more, and so no program: its
// row does not replace the one that has it. at is monotonic ns.
func (d *dimension) store(recs bpf.Records, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range recs.Len() {
		id := d.layout.ID(recs, i)
		before := d.rows[id]
		if before == nil && d.room.rows >= d.room.limit {
			continue
		}
		record := recs.Copy(i)
		if before != nil && (len(before.record) > len(record) || bytes.Equal(before.record, record)) {
			before.lastUsed = at
			continue
		}
		r := &row{record, at}
		d.rows[id] = r
		d.room.rows += r.size()
		if before == nil {
			d.room.added += r.size()
		} else {
			d.room.rows -= before.size()
		}
	}
}

func (d *dimension) drop(id int64, r *row) {
	delete(d.rows, id)
	d.room.rows -= r.size()
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

// forget deletes unused rows: those that were neither announced nor referred to since before. It keeps pinned ones as
// far as their share of the room goes, and deletes all others that have been unused for longer than idle. If the rest
// are more than maxUnusedRows, or take more than their share, it deletes them too. before and now are monotonic ns,
// idle is ns.
func (d *dimension) forget(before, now, idle int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var unused []int64
	var size, pinned int64
	share := int64(float64(d.room.limit) * unusedShare)
	for id, r := range d.rows {
		switch {
		case r.lastUsed >= before:
		case d.pins[id] > 0:
			if pinned += r.size(); pinned > share {
				d.drop(id, r)
			}
		case r.lastUsed < now-idle:
			d.drop(id, r)
		default:
			unused = append(unused, id)
			size += r.size()
		}
	}
	if len(unused) > maxUnusedRows || size > share {
		for _, id := range unused {
			d.drop(id, d.rows[id])
		}
	}
}

// references are the ids of one dimension that a generation's batches refer to.
type references struct {
	generation int
	ids        map[int64]struct{}
	missing    []int64          // ids whose rows the generation does not have yet
	most       int              // how many ids are kept
	untold     int64            // references to further ids, whose rows the generation will not have
	recent     [recentIDs]int64 // a cache in front of ids, indexed by the low bits of the id
}

const recentIDs = 1 << 10 // a power of two

func newReferences(generation, most int) *references {
	return &references{generation: generation, most: most, ids: make(map[int64]struct{})}
}

func (r *references) add(id int64) {
	if id <= 0 || r.recent[id&(recentIDs-1)] == id {
		return
	}
	r.recent[id&(recentIDs-1)] = id
	if _, ok := r.ids[id]; !ok {
		if len(r.ids) >= r.most {
			r.untold++
			return
		}
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
