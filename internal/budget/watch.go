// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
)

// watch stops a program whose heap does not fit.
type watch struct {
	cancel   context.CancelCauseFunc
	program  string
	stderr   io.Writer
	own      int64         // bytes that the program had before, beyond those of readers: of a test
	ended    chan struct{} // closed when nothing is watched any more
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
	b.watch.program, b.watch.stderr, b.watch.ended = program, stderr, make(chan struct{})
	b.watch.own = max(taken()-programBytes, 0)
	watching.Lock()
	defer watching.Unlock()
	if before := debug.SetMemoryLimit(b.heap() + b.watch.own); watching.budgets == 0 {
		watching.before = before
	}
	watching.budgets++
	b.armed()
	go b.watchTaken()
	return With(ctx, b), func() {
		close(b.watch.ended)
		b.watch.cancel(nil)
		watching.Lock()
		defer watching.Unlock()
		if watching.budgets--; watching.budgets == 0 {
			debug.SetMemoryLimit(watching.before)
		}
	}
}

// reading is what there is no room for if it is not known what.
const reading = "reading these captures"

// Error returns the error of the program: err, or that the budget was exceeded if that is why it failed.
func (b *Budget) Error(err error) error {
	if errors.Is(err, format.ErrTooLarge) {
		return b.Exceeded(err.Error())
	}
	if err != nil && b.watch.exceeded.Load() {
		return b.Exceeded(reading)
	}
	return err
}

// armed has the heap checked after the next garbage collection, and after each that follows. The runtime collects more
// often as the heap nears the limit, so it is checked before much is taken, and costs nothing while it is small.
func (b *Budget) armed() {
	type sentinel struct{ _ [16]byte } // not tiny: those are collected together
	runtime.SetFinalizer(&sentinel{}, func(*sentinel) {
		select {
		case <-b.watch.ended:
		default:
			b.checkLive()
			b.armed()
		}
	})
}

// allocationRate is about how many bytes a second a program can take, at most.
const allocationRate = 12 << 30

// watchTaken looks often enough at what the program has taken that it cannot take much more in between: the collector,
// which takes at most half of the time, may not keep up, and on a busy machine it may be late.
func (b *Budget) watchTaken() {
	every := time.NewTicker(time.Duration(float64(b.limit) / allocationRate * float64(time.Second)))
	defer every.Stop()
	for {
		select {
		case <-every.C:
			b.checkTaken()
		case <-b.watch.ended:
			return
		}
	}
}

const (
	liveHeap   = "/gc/heap/live:bytes" // that the last collection found to be in use
	allMemory  = "/memory/classes/total:bytes"
	freeMemory = "/memory/classes/heap/released:bytes"
)

// taken is how many bytes the program has from the system, without its code.
func taken() int64 {
	samples := []metrics.Sample{{Name: allMemory}, {Name: freeMemory}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// checkLive cancels the run if what is in use is too large.
func (b *Budget) checkLive() {
	samples := []metrics.Sample{{Name: liveHeap}}
	metrics.Read(samples)
	if live := int64(samples[0].Value.Uint64()); live > b.heap()/4*3+b.watch.own {
		b.watch.exceeded.Store(true)
		b.watch.cancel(b.Exceeded(reading))
	}
	b.checkTaken()
}

// checkTaken ends the program if it has taken too much. After it was told to end, less is too much.
func (b *Budget) checkTaken() {
	beyond := b.limit / 8
	if b.watch.exceeded.Load() {
		beyond = b.limit / 16
	}
	if taken() > b.heap()+beyond+b.watch.own {
		b.exit()
	}
}

// exit ends the program. Meanwhile the rest of it hardly runs, and so does not take more.
func (b *Budget) exit() {
	runtime.GOMAXPROCS(1)
	cli.ExitNow(cli.ExitFailed, func() {
		cli.Error(b.watch.stderr, b.watch.program, b.Exceeded(reading))
	})
}
