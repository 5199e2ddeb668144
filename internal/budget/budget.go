// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
)

// Bounds of --max-memory, in bytes.
const (
	Default = 1 << 30
	Least   = 64 << 20
)

// ErrExceeded is wrapped by the error of what takes more memory than there is.
var ErrExceeded = errors.New("more memory than --max-memory allows")

// Budget is the memory of one run of a program. It is safe for concurrent use.
type Budget struct {
	limit    int64
	reserved atomic.Int64
	watch    watch
}

// New returns a budget of that many bytes.
func New(limit int64) *Budget { return &Budget{limit: limit} }

type key struct{}

// With returns a context that carries b to what reads captures.
func With(ctx context.Context, b *Budget) context.Context { return context.WithValue(ctx, key{}, b) }

// Of returns the budget that a context carries, a new one of the default size if it carries none.
func Of(ctx context.Context) *Budget {
	if b, ok := ctx.Value(key{}).(*Budget); ok {
		return b
	}
	return New(Default)
}

// Limit is the size of the budget in bytes.
func (b *Budget) Limit() int64 { return b.limit }

// programBytes is what a program takes before it reads anything: its code, and the runtime's memory.
const programBytes = 12 << 20

// heap is how many bytes of the budget are for the heap. The rest is for the program itself, and for what is allocated
// while the garbage collector, which takes at most half of the time, cannot keep up.
func (b *Budget) heap() int64 { return b.limit - b.limit/4 - programBytes }

// Share is one nth of the heap, in bytes.
func (b *Budget) Share(n int64) int64 { return b.heap() / n }

// Batch is how many bytes a batch of a capture may take.
func (b *Budget) Batch() int64 { return min(format.MaxBatchBytes, b.Share(4)) }

// Workers is how many goroutines, of GOMAXPROCS, may each have a batch that is not large.
func (b *Budget) Workers() int { return max(1, min(runtime.GOMAXPROCS(0), int(b.Share(16<<20)))) }

// TryReserve takes n bytes of the budget and reports whether there was room. All that is reserved leaves three eighths
// of the heap for what is not.
func (b *Budget) TryReserve(n int64) bool { return b.tryReserve(n, b.heap()/8*5) }

// TryReserveMore is TryReserve for what can be done without. It leaves an eighth of the heap to be reserved for what
// cannot.
func (b *Budget) TryReserveMore(n int64) bool { return b.tryReserve(n, b.heap()/2) }

func (b *Budget) tryReserve(n, most int64) bool {
	if n < 0 {
		return false
	}
	if b.reserved.Add(n) > most {
		b.reserved.Add(-n)
		return false
	}
	return true
}

// Reserve is TryReserve with an error that says what there is no room for, such as "the tasks of the capture".
func (b *Budget) Reserve(what string, n int64) error {
	if b.TryReserve(n) {
		return nil
	}
	return b.Exceeded(what)
}

// Release gives back n bytes.
func (b *Budget) Release(n int64) { b.reserved.Add(-n) }

// Exceeded is the error that says what there is no room for.
func (b *Budget) Exceeded(what string) error {
	size := cli.Size(b.limit)
	return cli.WithHint(fmt.Errorf("%s: %w (%v)", what, ErrExceeded, &size),
		"allow more with --max-memory, or read less: some of the captures, or a part selected by time or filter")
}
