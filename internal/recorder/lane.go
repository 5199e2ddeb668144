//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"cmp"
	"sync"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
)

// A lane is a goroutine that compresses and writes batches, in the order in which they were sent.
type lane struct {
	jobs      chan job
	flushing  atomic.Bool // a flush is in jobs
	running   sync.WaitGroup
	failed    firstError
	unwritten map[string]int64 // rows that could not be written, by table; read after close
	refused   sync.Map         // rows refused since the last takeRefused, as *atomic.Int64 by table
}

// A job is a batch to be written, a flush or a call.
type job struct {
	batch      *format.Batch      // nil: flush the writer
	free       chan *format.Batch // receives the batch when it is written
	codec      format.Codec
	sweepCount uint64 // number of sweeps when the batch was sent
	quiet      bool   // the batch is not inspected
	call       func() // if set, the job is only to call it
}

// laneOptions are what a lane does besides writing.
type laneOptions struct {
	window  int64                                              // bytes of segments in memory; 0: no limit
	inspect func(batch *format.Batch, sweepCount uint64) error // called before a batch is written; nil: none
}

// startLane starts the goroutine. close ends it.
func startLane(w *format.Writer, opt laneOptions) *lane {
	// Room for all batches that exist, a flush and the ends of generations, so that no sender ever blocks.
	l := &lane{jobs: make(chan job, 64), unwritten: make(map[string]int64)}
	l.running.Go(func() {
		for j := range l.jobs {
			if j.call != nil {
				j.call()
			} else if err := l.process(w, &opt, j); err != nil {
				l.failed.set(err)
			}
		}
	})
	return l
}

// process does a job other than a call.
func (l *lane) process(w *format.Writer, opt *laneOptions, j job) (err error) {
	if j.batch == nil {
		l.flushing.Store(false)
		return cmp.Or(w.Flush(), w.CheckPlace())
	}
	if opt.inspect != nil && !j.quiet {
		err = opt.inspect(j.batch, j.sweepCount)
	}
	// Batches of the loss table are never refused: they report the rows that were.
	if opt.window > 0 && w.MemoryBytes() > opt.window && j.batch.Schema != format.LossSchema {
		l.refuse(j.batch)
	} else if writeErr := w.Append(j.batch, j.codec); writeErr != nil {
		l.unwritten[j.batch.Schema.Table] += int64(j.batch.Rows)
		err = writeErr
	}
	j.batch.Reset()
	j.free <- j.batch
	return err
}

// refuse discards a batch, and counts its rows. This happens when a dump, during which its part of the window cannot be
// dropped, is slower than new events arrive.
func (l *lane) refuse(b *format.Batch) {
	n, _ := l.refused.LoadOrStore(b.Schema.Table, new(atomic.Int64))
	n.(*atomic.Int64).Add(int64(b.Rows))
}

// close ends the lane when all jobs are done.
func (l *lane) close() {
	close(l.jobs)
	l.running.Wait()
}

// A firstError holds the first error of a goroutine, for the drain to read.
type firstError struct{ first atomic.Pointer[error] }

func (f *firstError) set(err error) { f.first.CompareAndSwap(nil, &err) }

// err is nil if nothing has failed so far.
func (f *firstError) err() error {
	if err := f.first.Load(); err != nil {
		return *err
	}
	return nil
}
