// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"

	"github.com/fletch-trace/fletch/internal/cli"
)

// watch stops a program whose heap does not fit.
type watch struct {
	cancel   context.CancelCauseFunc
	program  string
	stderr   io.Writer
	ended    atomic.Bool
	exceeded atomic.Bool
}

// watching is the number of budgets that are watched, and the memory limit of the runtime before the first was.
var watching struct {
	sync.Mutex
	budgets int
	before  int64
}

// Watch bounds the heap until stop is called. If what the program holds comes near the end of the budget, the returned
// context, which carries the budget, is canceled with ErrExceeded as its cause. If the program goes on to take memory
// nevertheless, Watch ends it by cli.ExitNow, with the error and status 1.
func (b *Budget) Watch(ctx context.Context, program string, stderr io.Writer) (_ context.Context, stop func()) {
	ctx, b.watch.cancel = context.WithCancelCause(ctx)
	b.watch.program, b.watch.stderr = program, stderr
	watching.Lock()
	defer watching.Unlock()
	if before := debug.SetMemoryLimit(b.heap()); watching.budgets == 0 {
		watching.before = before
	}
	watching.budgets++
	b.armed()
	return With(ctx, b), func() {
		b.watch.ended.Store(true)
		b.watch.cancel(nil)
		watching.Lock()
		defer watching.Unlock()
		if watching.budgets--; watching.budgets == 0 {
			debug.SetMemoryLimit(watching.before)
		}
	}
}

// Error returns the error of the program: err, or that the budget was exceeded if that is why it failed.
func (b *Budget) Error(err error) error {
	if err != nil && b.watch.exceeded.Load() {
		return b.Exceeded("reading these captures takes")
	}
	return err
}

// armed has the heap checked after the next garbage collection, and after each that follows. The runtime collects more
// often as the heap nears the limit, so it is checked before much is taken, and costs nothing while it is small.
func (b *Budget) armed() {
	type sentinel struct{ _ [16]byte } // not tiny: those are collected together
	runtime.SetFinalizer(&sentinel{}, func(*sentinel) {
		if !b.watch.ended.Load() {
			b.check()
			b.armed()
		}
	})
}

const (
	liveHeap   = "/gc/heap/live:bytes" // that the last collection found to be in use
	allMemory  = "/memory/classes/total:bytes"
	freeMemory = "/memory/classes/heap/released:bytes"
)

// check stops the program if the heap is too large.
func (b *Budget) check() {
	samples := []metrics.Sample{{Name: liveHeap}, {Name: allMemory}, {Name: freeMemory}}
	metrics.Read(samples)
	live, mapped := int64(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64()-samples[2].Value.Uint64())
	if live > b.heap()/4*3 {
		b.watch.exceeded.Store(true)
		b.watch.cancel(b.Exceeded("reading these captures takes"))
	}
	if b.watch.exceeded.Load() && mapped > b.heap()+b.limit/16 {
		b.exit()
	}
}

// exit ends the program. Nothing else runs any more that could take memory: the collector's own goroutine is the one
// that exits.
func (b *Budget) exit() {
	debug.SetMemoryLimit(math.MaxInt64)
	cli.ExitNow(cli.ExitFailed, func() {
		cli.Error(b.watch.stderr, b.watch.program, b.Exceeded("reading these captures takes"))
	})
}
