//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// maxLossInterval is about the longest interval of one row of the loss table, unless sweeps are further apart.
const maxLossInterval = int64(100 * time.Millisecond)

// maxLossRows limits the batch of the loss table. When no batches can be written, intervals get longer instead.
const maxLossRows = 1 << 14

// losses turns increases of the BPF programs' loss counters into rows of the loss table: how many events of which table
// were lost on which CPU, in which interval.
type losses struct {
	readCounts func(kind uint32, cpu int) bpf.Counts
	wall       int64 // CLOCK_REALTIME - CLOCK_MONOTONIC, ns
	lastPoll   int64 // monotonic ns
	intervals  []lossInterval
	batch      *format.Batch
	free       chan *format.Batch
	total      map[string]int64 // by table
}

// A lossInterval is the time in which one table is losing events on one CPU.
type lossInterval struct {
	table       string
	kind        uint32
	cpu         int
	lastCount   uint64 // the counter at the last poll
	count       uint64 // lost in this interval; 0: nothing is being lost
	from, until int64  // monotonic ns
}

// newLosses makes the intervals of all tables on all CPUs. The counters count from started on (monotonic ns). With
// eventsOnly there are none of dimensions: their rows are counted where something refers to them.
func newLosses(session Session, cpus int, wall, started int64, eventsOnly bool) *losses {
	l := &losses{
		readCounts: session.Counts, wall: wall, lastPoll: started,
		batch: format.NewBatch(format.LossSchema), free: make(chan *format.Batch, 1), total: make(map[string]int64),
	}
	l.free <- format.NewBatch(format.LossSchema)
	for _, layout := range session.Layouts() {
		if layout == nil || eventsOnly && !layout.Schema.Event() {
			continue
		}
		for cpu := range cpus {
			l.intervals = append(l.intervals, lossInterval{table: layout.Schema.Table, kind: layout.Kind, cpu: cpu})
		}
	}
	return l
}

// poll reads all counters, and returns how many events were lost since the last poll.
func (l *losses) poll() (more int64) {
	t := monotonic()
	for i := range l.intervals {
		w := &l.intervals[i]
		n := l.readCounts(w.kind, w.cpu).Lost
		lost := n - w.lastCount
		w.lastCount = n
		if lost > 0 && w.count == 0 {
			w.from = l.lastPoll
		}
		if lost > 0 {
			w.count += lost
			w.until = t
		}
		if w.count > 0 && (lost == 0 || w.until-w.from >= maxLossInterval) && l.batch.Rows < maxLossRows {
			l.closeInterval(w)
		}
		more += int64(lost)
	}
	l.lastPoll = t
	return more
}

func (l *losses) closeInterval(w *lossInterval) {
	l.add(w.table, int32(w.cpu), w.from, w.until, int64(w.count))
	w.count = 0
}

// add adds a row. from and until are monotonic ns; cpu is -1 if unknown.
func (l *losses) add(table string, cpu int32, from, until, count int64) {
	l.total[table] += count
	// An error would be a wrong column name or type.
	_ = l.batch.AppendRow(map[string]any{
		"ts": from + l.wall, "until": until + l.wall, "cpu": cpu, "family": table, "count": count,
	})
}

// closeIntervals ends all intervals at the end of a generation, so that its losses are among its own rows.
func (l *losses) closeIntervals() {
	for i := range l.intervals {
		if l.intervals[i].count > 0 && l.batch.Rows < maxLossRows {
			l.closeInterval(&l.intervals[i])
		}
	}
}

// finish polls for the last time and ends all intervals, also beyond maxLossRows.
func (l *losses) finish() {
	l.poll()
	for i := range l.intervals {
		if l.intervals[i].count > 0 {
			l.closeInterval(&l.intervals[i])
		}
	}
}

// take returns the batch of rows so far; the lane returns it to free. It is nil if there are no rows, or if the batch
// before has not been written yet.
func (l *losses) take() *format.Batch {
	if l.batch.Rows == 0 {
		return nil
	}
	select {
	case next := <-l.free:
		b := l.batch
		l.batch = next
		return b
	default:
		return nil
	}
}
