//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// lanes are the lanes of a recording: one for bulk tables, one for other events, so that a burst of system calls does
// not delay them, and one for dimensions, of which any user can make as many rows as calls.
type lanes struct {
	bulk, rare *lane
	named      *lane // for dimensions
	codec      *codecPolicy
	sweeps     *sweeps
	generation int  // of what is sent now, from 1; 0: the recording does not rotate
	quiet      bool // triggers do not look at what is sent now
}

func (l *lanes) all() [3]*lane { return [3]*lane{l.bulk, l.rare, l.named} }

// send sends a table's batch to its lane, as part of a generation. It does nothing if there are no rows.
func (l *lanes) send(t *table, generation int) {
	if t.batch == nil || t.batch.Rows == 0 {
		return
	}
	in := l.rare.jobs
	switch {
	case t.layout.Bulk:
		in = l.bulk.jobs
	case !t.layout.Schema.Event():
		in = l.named.jobs
	}
	t.batch.Generation = generation
	in <- job{batch: t.batch, free: t.free, codec: l.codec.current, sweepCount: l.sweeps.count.Load(), quiet: l.quiet}
	t.batch = nil
}

// sendLosses sends a batch of the loss table to a lane.
func (l *lanes) sendLosses(b *format.Batch, free chan *format.Batch) {
	b.Generation = l.generation
	l.rare.jobs <- job{batch: b, free: free, codec: format.Zstd}
}

// flushEvery is the longest time that records stay in a batch before it is sent.
const flushEvery = 800 * time.Millisecond

// flush sends a flush of the writer, unless one is already in the lane: two, because a lane may be far behind another.
func (l *lanes) flush() {
	for _, each := range [...]*lane{l.rare, l.named} {
		if each.flushing.CompareAndSwap(false, true) {
			each.jobs <- job{}
		}
	}
}

// callEach has each lane call fn when it has done everything that was sent before.
func (l *lanes) callEach(fn func()) {
	for _, each := range l.all() {
		each.jobs <- job{call: fn}
	}
}

// waitIdle waits until the lanes have done everything that was sent.
func (l *lanes) waitIdle() {
	var running sync.WaitGroup
	running.Add(len(l.all()))
	l.callEach(running.Done)
	running.Wait()
}

// takeRefused calls fn with the number of rows of each table that the lanes refused since the last time.
func (l *lanes) takeRefused(fn func(table string, rows int64)) {
	for _, each := range l.all() {
		each.refused.Range(func(table, n any) bool {
			if n := n.(*atomic.Int64).Swap(0); n > 0 {
				fn(table.(string), n)
			}
			return true
		})
	}
}

// close ends the lanes when everything that was sent has been written.
func (l *lanes) close() {
	for _, each := range l.all() {
		each.close()
	}
}

// sweeps counts the sweeps of the drain. Triggers read the count to wait for the next sweep.
type sweeps struct {
	count    atomic.Uint64
	began    int64       // when the last one began, monotonic ns; for the drain only
	complete uint64      // those after which Session.SweepComplete was true; for the drain only
	done     atomic.Bool // there will be no more
}

// stallAfter is how long the drain waits, before and after the recording, for a reader of standard output that reads
// nothing. For a disk it waits as long as it takes. Tests shorten it.
var stallAfter = 10 * time.Second

func errStalled() error { return fmt.Errorf("its reader has read nothing for %v", stallAfter) }

// laneWait is how the drain waits for the lanes. It does so only before and after the recording, and only as long as
// they make progress.
type laneWait struct {
	stream  *stream // nil: the lanes write files
	allowed bool    // false while recording
	stalled bool    // a wait has ended without progress
}

// until calls done, which waits for at most the given time, until it returns true. It returns false, now and in all
// further calls, if the reader of the stream has read nothing for stallAfter.
func (w *laneWait) until(done func(time.Duration) bool) bool {
	var written int64
	since := time.Now()
	for !w.stalled {
		if done(100 * time.Millisecond) {
			return true
		}
		if w.stream == nil {
			continue
		}
		if n := w.stream.written.Load(); n != written {
			written, since = n, time.Now()
		} else if time.Since(since) > stallAfter {
			w.stalled = true
		}
	}
	return false
}
