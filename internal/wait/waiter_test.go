//go:build linux

// SPDX-License-Identifier: Apache-2.0

package wait

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestWaiter(t *testing.T) (w *Waiter, ringFD int) {
	t.Helper()
	ringFD, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		w, err = New(ringFD)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Release(); unix.Close(ringFD) })
	return w, ringFD
}

// Short and long waits, which are implemented differently, end for the same three reasons.
func TestWait(t *testing.T) {
	const brief = 2 * time.Millisecond
	w, ringFD := newTestWaiter(t)
	for _, d := range []time.Duration{brief, minLongWait} {
		started := time.Now()
		if finished, wakeup, err := w.Wait(d); finished || wakeup || err != nil || time.Since(started) < d {
			t.Errorf("%v ended after %v: finished %v, wakeup %v, %v", d, time.Since(started), finished, wakeup, err)
		}
		if w.locked != (d < minLongWait) {
			t.Errorf("after a wait of %v the thread is locked: %v", d, w.locked)
		}
	}
	if _, err := unix.Write(ringFD, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for _, d := range []time.Duration{minLongWait - 1, time.Hour} {
		if finished, wakeup, err := w.Wait(d); finished || !wakeup || err != nil {
			t.Errorf("%v after a wake-up: finished %v, wakeup %v, %v", d, finished, wakeup, err)
		}
	}
	if _, err := unix.Read(ringFD, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	go w.Finish()
	for _, d := range []time.Duration{time.Hour, minLongWait - 1} {
		if finished, _, err := w.Wait(d); !finished || err != nil {
			t.Errorf("%v, finished: finished %v, %v", d, finished, err)
		}
	}
}

// A short wait that the kernel refuses returns the error, as a long one does.
func TestShortWaitFails(t *testing.T) {
	w, _ := newTestWaiter(t)
	if _, _, err := w.Wait(-1); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a wait of -1 ns: %v, want EINVAL", err)
	}
}
