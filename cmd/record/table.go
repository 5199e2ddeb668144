// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// A table gathers one kind of record.
type table struct {
	layout   *bpf.Layout
	lane     *lane
	limit    int           // rows of a batch
	text     int           // bytes of text of one, about; 0: there is none
	batch    *format.Batch // nil: all are on their way to the file
	free     chan *format.Batch
	unmade   int   // batches that may still be made, should none be free
	spare    int   // how many were free whenever one was taken since the last trim
	received int64 // records taken from the programs
}

func newTable(r *recorder, l *bpf.Layout) *table {
	if l == nil {
		return nil
	}
	t, n := &table{layout: l, lane: r.rare, limit: r.plan.rareRows, text: r.plan.rareText}, rareBatches
	if l.Bulk {
		t.lane, t.limit, t.text, n = r.bulk, r.plan.bulkRows, 0, bulkBatches
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

// next takes an empty batch, if there is one.
func (r *recorder) next(t *table) bool {
	select {
	case t.batch = <-t.free:
		t.spare = min(t.spare, len(t.free))
		return true
	default:
		t.spare = 0
		if t.unmade > 0 {
			// Not before it is needed: the fewer take turns, the more of their memory is in the cache.
			t.unmade--
			t.batch = format.NewBatch(t.layout.Schema)
			return true
		}
		return r.patient && r.wait(func(d time.Duration) bool {
			select {
			case t.batch = <-t.free:
				return true
			case <-time.After(d):
				return false
			}
		})
	}
}

// trim gives back the batches that were not needed since the last time: a burst, or a disk that was slow for a moment, would else
// leave all that may be made taking turns for ever.
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
