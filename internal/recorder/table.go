//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// A table is one kind of record with its batches: one is being filled, others are being written, the rest are free.
type table struct {
	layout      *bpf.Layout
	maxRows     int           // of a batch
	maxText     int           // about how many bytes of text a batch may have; 0: no limit
	batch       *format.Batch // being filled; nil: none
	free        chan *format.Batch
	unallocated int   // batches that may still be allocated, when none is free
	spare       int   // the smallest number of free batches since the last trim
	received    int64 // records taken out of the rings
	laneWait    *laneWait
}

func newTable(l *bpf.Layout, budget *Budget, wait *laneWait) *table {
	t, n := &table{layout: l, maxRows: budget.rareRows, maxText: budget.rareText, laneWait: wait}, batches(l)
	if l.Bulk {
		t.maxRows, t.maxText = budget.bulkRows, 0
	}
	t.free, t.unallocated = make(chan *format.Batch, n), n
	return t
}

// full reports whether the batch may not have room for the records of another bpf.Emit.
func (t *table) full() bool {
	if t.batch.Rows > t.maxRows-bpf.MaxRecords {
		return true
	}
	if t.maxText == 0 {
		return false
	}
	text := 0
	for i := range t.batch.Columns {
		text += len(t.batch.Columns[i].Str.Data)
	}
	return text > t.maxText
}

// ensureBatch takes a free batch if there is no current one. It reports whether there is one then.
func (t *table) ensureBatch() bool { return t.batch != nil || t.takeBatch() }

// takeBatch takes a free batch, or allocates one. It reports false if there are none; if waiting is allowed, only after
// the lanes stalled.
func (t *table) takeBatch() bool {
	select {
	case t.batch = <-t.free:
		t.spare = min(t.spare, len(t.free))
		return true
	default:
		t.spare = 0
		if t.unallocated > 0 {
			// Allocated only when needed: the fewer batches are in use, the more of them is in the CPU cache.
			t.unallocated--
			t.batch = format.NewBatch(t.layout.Schema)
			return true
		}
		return t.laneWait.allowed && t.laneWait.until(t.awaitBatch)
	}
}

// awaitBatch waits up to d for a free batch.
func (t *table) awaitBatch(d time.Duration) bool {
	select {
	case t.batch = <-t.free:
		return true
	case <-time.After(d):
		return false
	}
}

// trim frees the batches that were not needed since the last time. Without it, after one burst or one slow write all
// batches would stay allocated.
func (t *table) trim() {
	for range t.spare {
		select {
		case <-t.free:
			t.unallocated++
		default:
		}
	}
	t.spare = cap(t.free)
}
