// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
)

// A lane compresses and writes batches, one after the other.
type lane struct {
	in      chan job
	flushes atomic.Bool // it has been told to flush and has not yet
	trigger *trigger    // nil: none
	running sync.WaitGroup
	failed  atomic.Pointer[error]
	dropped map[string]int64 // rows that could not be written, by table; read after close
	window  int64            // bytes that segments in memory may take; 0: no limit
	refused sync.Map         // rows that had no room there since the drain looked, *atomic.Int64 by table
}

type job struct {
	batch *format.Batch      // nil: flush the writer
	free  chan *format.Batch // where the batch goes afterwards
	codec format.Codec
	swept uint64      // sweeps that there were when it was handed on
	over  *generation // the lane is past it; nothing else is set
	come  func()      // called when the lane comes to it; nothing else is set
}

func newLane(w *format.Writer) *lane {
	// Room for every batch there is, a flush and the ends of generations: nobody waits to hand a job on.
	l := &lane{in: make(chan job, 64), dropped: make(map[string]int64)}
	l.running.Go(func() {
		for j := range l.in {
			l.do(w, j)
		}
	})
	return l
}

func (l *lane) do(w *format.Writer, j job) {
	var err error
	switch {
	case j.over != nil:
		j.over.pass()
		return
	case j.come != nil:
		j.come()
		return
	case j.batch == nil:
		l.flushes.Store(false)
		err = w.Flush()
	default:
		if l.trigger != nil {
			err = l.trigger.look(j.batch, j.swept)
		}
		if l.window > 0 && w.MemoryBytes() > l.window && j.batch.Schema != format.LossSchema {
			l.refuse(j.batch)
		} else if e := w.Append(j.batch, j.codec); e != nil {
			l.dropped[j.batch.Schema.Table] += int64(j.batch.Rows)
			err = e
		}
		j.batch.Reset()
		j.free <- j.batch
	}
	if err != nil {
		l.failed.CompareAndSwap(nil, &err)
	}
}

// refuse drops a batch, unless it is one that tells of such. It takes a dump that is slower than what comes in, and holds the window that it writes.
func (l *lane) refuse(b *format.Batch) {
	n, _ := l.refused.LoadOrStore(b.Schema.Table, new(atomic.Int64))
	n.(*atomic.Int64).Add(int64(b.Rows))
}

func (l *lane) close() {
	close(l.in)
	l.running.Wait()
}
