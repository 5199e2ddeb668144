//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"sync"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
)

// A lane compresses and writes batches, one after the other.
type lane struct {
	in       chan job
	flushing atomic.Bool // it has been told to flush and has not yet
	running  sync.WaitGroup
	failed   failure
	dropped  map[string]int64 // rows that could not be written, by table; read after close
	refused  sync.Map         // rows that had no room in the window since the drain looked, *atomic.Int64 by table
}

type job struct {
	batch *format.Batch      // nil: flush the writer
	free  chan *format.Batch // where the batch goes afterwards
	codec format.Codec
	swept uint64 // sweeps that there were when it was handed on
	call  func() // called when the lane comes to it; nothing else is set
}

// laneOptions are what a lane does besides writing.
type laneOptions struct {
	window int64                                         // bytes that segments in memory may take; 0: no limit
	look   func(batch *format.Batch, swept uint64) error // called with each batch before it is written; nil: none
}

func startLane(w *format.Writer, opt laneOptions) *lane {
	// Room for every batch there is, a flush and the ends of generations: nobody waits to hand a job on.
	l := &lane{in: make(chan job, 64), dropped: make(map[string]int64)}
	l.running.Go(func() {
		for j := range l.in {
			if j.call != nil {
				j.call()
			} else if err := l.do(w, &opt, j); err != nil {
				l.failed.set(err)
			}
		}
	})
	return l
}

func (l *lane) do(w *format.Writer, opt *laneOptions, j job) (err error) {
	if j.batch == nil {
		l.flushing.Store(false)
		return w.Flush()
	}
	if opt.look != nil {
		err = opt.look(j.batch, j.swept)
	}
	// Of the rows of the loss table none are refused: they tell of those that are.
	if opt.window > 0 && w.MemoryBytes() > opt.window && j.batch.Schema != format.LossSchema {
		l.refuse(j.batch)
	} else if e := w.Append(j.batch, j.codec); e != nil {
		l.dropped[j.batch.Schema.Table] += int64(j.batch.Rows)
		err = e
	}
	j.batch.Reset()
	j.free <- j.batch
	return err
}

// refuse drops a batch, and counts it. It comes to that when a dump, which holds the window that it writes, is slower
// than what comes in.
func (l *lane) refuse(b *format.Batch) {
	n, _ := l.refused.LoadOrStore(b.Schema.Table, new(atomic.Int64))
	n.(*atomic.Int64).Add(int64(b.Rows))
}

func (l *lane) close() {
	close(l.in)
	l.running.Wait()
}
