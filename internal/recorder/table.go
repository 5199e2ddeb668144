//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// A table is one kind of record with its batches: one is being filled, others are on their way to the file, the rest
// are free.
type table struct {
	layout   *bpf.Layout
	limit    int           // rows of a batch
	text     int           // bytes of text of one, about; 0: there is none
	batch    *format.Batch // nil: all are on their way to the file
	free     chan *format.Batch
	unmade   int   // batches that may still be made, should none be free
	spare    int   // how many were free whenever one was taken since the last trim
	received int64 // records taken from the programs
	patience *patience
}

func newTable(l *bpf.Layout, budget *Budget, p *patience) *table {
	t, n := &table{layout: l, limit: budget.rareRows, text: budget.rareText, patience: p}, rareBatches
	if l.Bulk {
		t.limit, t.text, n = budget.bulkRows, 0, bulkBatches
	}
	t.free, t.unmade = make(chan *format.Batch, n), n
	return t
}

// full says whether the batch may have no room for what comes next.
func (t *table) full() bool {
	if t.batch.Rows > t.limit-bpf.MaxRecords {
		return true
	}
	if t.text == 0 {
		return false
	}
	text := 0
	for i := range t.batch.Columns {
		text += len(t.batch.Columns[i].Str.Data)
	}
	return text > t.text
}

// ready says whether there is a batch with room; it takes an empty one if it must.
func (t *table) ready() bool { return t.batch != nil || t.next() }

// next takes an empty batch, if there is one.
func (t *table) next() bool {
	select {
	case t.batch = <-t.free:
		t.spare = min(t.spare, len(t.free))
		return true
	default:
		t.spare = 0
		if t.unmade > 0 {
			// Not before it is needed: the fewer are in use, the more of their memory is in the cache.
			t.unmade--
			t.batch = format.NewBatch(t.layout.Schema)
			return true
		}
		return t.patience.waits && t.patience.wait(t.await)
	}
}

// await waits for an empty batch for a while.
func (t *table) await(d time.Duration) bool {
	select {
	case t.batch = <-t.free:
		return true
	case <-time.After(d):
		return false
	}
}

// trim gives back the batches that were not needed since the last time. Without it a burst, or a disk that was slow for
// a moment, would leave all that may be made in use for ever.
func (t *table) trim() {
	for range t.spare {
		select {
		case <-t.free:
			t.unmade++
		default:
		}
	}
	t.spare = cap(t.free)
}
