// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// A process has many threads, each of which waits in a call. Each thread is announced once, and each call in flight at
// the end of the recording is pending once.
func TestManyThreadsAreListed(t *testing.T) {
	needKernel(t)
	const threads = 2000
	var first, second [2]int // pipes: all threads read from the first, and then from the second
	for _, p := range []*[2]int{&first, &second} {
		if err := syscall.Pipe(p[:]); err != nil {
			t.Fatal(err)
		}
	}
	var waiting sync.WaitGroup
	var begun, moved atomic.Int64
	for range threads {
		waiting.Go(func() {
			runtime.LockOSThread() // and with it ends the thread
			b := make([]byte, 1)
			begun.Add(1)
			syscall.Read(first[0], b)
			moved.Add(1)
			syscall.Read(second[0], b)
		})
	}
	t.Cleanup(func() {
		for _, p := range []*[2]int{&first, &second} {
			syscall.Close(p[1])
			defer syscall.Close(p[0])
		}
		waiting.Wait()
	})
	waitFor(t, "the threads to begin", func() bool { return begun.Load() == threads })
	rec, path := start(t, "-e", "process,syscall", "-p", strconv.Itoa(os.Getpid()))
	if _, err := syscall.Write(first[1], make([]byte, threads)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the threads to wait again", func() bool { return moved.Load() == threads })
	rec.Process.Signal(syscall.SIGINT)
	if err := rec.Wait(); err != nil {
		t.Error(err)
	}
	c := open(t, path)
	wantNoLoss(t, c)
	who := tasks(t, c)
	if len(who) < threads {
		t.Errorf("%d tasks, want the %d threads and a few of Go's", len(who), threads)
	}
	out := make(map[int64]bool)
	for _, r := range rows(t, c, "pending") {
		if out[r.n("task")] {
			t.Errorf("task %d waits in two calls", r.n("task"))
		}
		out[r.n("task")] = true
		if who[r.n("task")] == nil {
			t.Errorf("task %d waits in a call, and is not announced", r.n("task"))
		}
	}
	if len(out) < threads/2 { // the last ones may still be on their way there
		t.Errorf("%d calls are pending, want about %d", len(out), threads)
	}
}
