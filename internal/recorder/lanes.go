//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// Lanes are the two of a recording: a flood of system calls does not delay an exec on its way to the file.
type lanes struct {
	bulk, rare *lane
	codec      *codecPolicy
	sweeps     *sweeps
	generation int // that what is handed on belongs to, from 1; 0: the recording does not rotate
}

func (l *lanes) both() [2]*lane { return [2]*lane{l.bulk, l.rare} }

// hand gives a table's batch to its lane.
func (l *lanes) hand(t *table, generation int) {
	if t.batch == nil || t.batch.Rows == 0 {
		return
	}
	in := l.rare.in
	if t.layout.Bulk {
		in = l.bulk.in
	}
	t.batch.Generation = generation
	in <- job{batch: t.batch, free: t.free, codec: l.codec.current, swept: l.sweeps.count.Load()}
	t.batch = nil
}

// handLosses gives rows of the loss table to a lane.
func (l *lanes) handLosses(b *format.Batch, free chan *format.Batch) {
	b.Generation = l.generation
	l.rare.in <- job{batch: b, free: free, codec: format.Zstd}
}

// flushEvery is how long what was gathered waits at most until it is handed on.
const flushEvery = 800 * time.Millisecond

// flush has the writer flush, unless that is still to be done.
func (l *lanes) flush() {
	if l.rare.flushing.CompareAndSwap(false, true) {
		l.rare.in <- job{}
	}
}

// call has each lane call fn when it has done all that it was given until now.
func (l *lanes) call(fn func()) {
	for _, each := range l.both() {
		each.in <- job{call: fn}
	}
}

// idle waits until the lanes have done all that they were given.
func (l *lanes) idle() {
	var running sync.WaitGroup
	running.Add(2)
	l.call(running.Done)
	running.Wait()
}

// takeRefused gives the rows that had no room in the window since the last time.
func (l *lanes) takeRefused(fn func(table string, rows int64)) {
	for _, each := range l.both() {
		each.refused.Range(func(table, n any) bool {
			if n := n.(*atomic.Int64).Swap(0); n > 0 {
				fn(table.(string), n)
			}
			return true
		})
	}
}

// close waits until everything handed on has been written.
func (l *lanes) close() {
	l.bulk.close()
	l.rare.close()
}
