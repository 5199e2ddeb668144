//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// lossWindow is about the longest time one row of the loss table spans, if sweeps are not further apart.
const lossWindow = int64(100 * time.Millisecond)

// lossRows is how many rows may wait for the file; while it takes none, windows get longer instead.
const lossRows = 1 << 14

// losses turns the programs' counters into rows of the loss table: between two readings
// of a counter that has changed, that many events of that table were lost on that CPU.
type losses struct {
	count  func(kind uint32, cpu int) bpf.Counts
	wall   int64
	looked int64 // when, monotonic ns
	open   []window
	batch  *format.Batch
	free   chan *format.Batch
	total  map[string]int64 // by table
}

// A window is a stretch of time, monotonic ns, in which one table lost events on one CPU.
type window struct {
	table       string
	kind        uint32
	cpu         int
	seen        uint64 // the counter at the last look
	count       uint64 // lost in the window; 0: there is none
	from, until int64
}

// newLosses looks at the counters of all tables on all CPUs, from begun on (monotonic ns).
func newLosses(session Session, cpus int, wall, begun int64) *losses {
	l := &losses{
		count: session.Counts, wall: wall, looked: begun,
		batch: format.NewBatch(format.LossSchema), free: make(chan *format.Batch, 1), total: make(map[string]int64),
	}
	l.free <- format.NewBatch(format.LossSchema)
	for _, layout := range session.Layouts() {
		if layout == nil {
			continue
		}
		for cpu := range cpus {
			l.open = append(l.open, window{table: layout.Schema.Table, kind: layout.Kind, cpu: cpu})
		}
	}
	return l
}

// poll looks at all counters; it gives how many more events are lost.
func (l *losses) poll() (more int64) {
	t := monotonic()
	for i := range l.open {
		w := &l.open[i]
		n := l.count(w.kind, w.cpu).Lost
		lost := n - w.seen
		w.seen = n
		if lost > 0 && w.count == 0 {
			w.from = l.looked
		}
		if lost > 0 {
			w.count += lost
			w.until = t
		}
		if w.count > 0 && (lost == 0 || w.until-w.from >= lossWindow) && l.batch.Rows < lossRows {
			l.close(w)
		}
		more += int64(lost)
	}
	l.looked = t
	return more
}

func (l *losses) close(w *window) {
	l.add(w.table, int32(w.cpu), w.from, w.until, int64(w.count))
	w.count = 0
}

// add writes a row; from and until are monotonic ns, cpu is -1 where it is not known.
func (l *losses) add(table string, cpu int32, from, until, count int64) {
	l.total[table] += count
	// Neither the keys nor the types can be wrong.
	_ = l.batch.AppendRow(map[string]any{
		"ts": from + l.wall, "until": until + l.wall, "cpu": cpu, "family": table, "count": count,
	})
}

// cut closes all windows: what was lost in a generation is among its own rows.
func (l *losses) cut() {
	for i := range l.open {
		if l.open[i].count > 0 && l.batch.Rows < lossRows {
			l.close(&l.open[i])
		}
	}
}

// finish closes all windows, for the last time.
func (l *losses) finish() {
	l.poll()
	for i := range l.open {
		if l.open[i].count > 0 {
			l.close(&l.open[i])
		}
	}
}

// take is the batch of rows so far, to be given back to free; nil when there is none, or the last one is still on its
// way.
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
