// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// keep keeps memory in use.
var keep [][]byte

func take(bytes int) {
	for ; bytes > 0; bytes -= 1 << 20 {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		keep = append(keep, block)
	}
}

// collect collects garbage until finalizers, one of which looks at what is in use, have run.
func collect() {
	for range 2 {
		done, garbage := make(chan struct{}), &[2]*int{}
		runtime.SetFinalizer(garbage, func(*[2]*int) { close(done) })
		runtime.GC()
		<-done
	}
}

// What a program had before it was watched is beside its budget: the worker of a fuzz target is not ended for its
// corpus. What it takes then counts.
func TestWatchBesideOtherMemory(t *testing.T) {
	defer func() { keep = nil }()
	take(200 << 20)
	debug.FreeOSMemory()
	var stderr bytes.Buffer
	b := New(128 << 20)
	ctx, stop := b.Watch(context.Background(), "test", &stderr)
	defer stop()
	for range 5 {
		take(1 << 20)
		collect()
	}
	time.Sleep(20 * time.Millisecond) // some looks at what was taken: each would end the test
	if ctx.Err() != nil {
		t.Fatalf("canceled: %v", context.Cause(ctx))
	}
	for range 40 {
		if ctx.Err() == nil {
			take(4 << 20)
			collect()
		}
	}
	if !errors.Is(context.Cause(ctx), ErrExceeded) {
		t.Fatalf("canceled because of %v", context.Cause(ctx))
	}
	if err := b.Error(io.EOF); !errors.Is(err, ErrExceeded) {
		t.Errorf("the error is %v", err)
	}
}
