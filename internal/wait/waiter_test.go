//go:build linux

// SPDX-License-Identifier: Apache-2.0

package wait

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestWaiter(t *testing.T) (w *Waiter, ring int) {
	t.Helper()
	ring, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		w, err = New(ring)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Release(); unix.Close(ring) })
	return w, ring
}

// Short and long waits, which are made in different ways, end by the same three things.
func TestWait(t *testing.T) {
	const brief = 2 * time.Millisecond
	w, ring := newTestWaiter(t)
	for _, d := range []time.Duration{brief, longWait} {
		begun := time.Now()
		if finished, rung, err := w.Wait(d); finished || rung || err != nil || time.Since(begun) < d {
			t.Errorf("%v ended after %v: finished %v, rung %v, %v", d, time.Since(begun), finished, rung, err)
		}
		if w.held != (d < longWait) {
			t.Errorf("after %v it has a thread of its own: %v", d, w.held)
		}
	}
	if _, err := unix.Write(ring, []byte{1, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		t.Fatal(err)
	}
	for _, d := range []time.Duration{longWait - 1, time.Hour} {
		if finished, rung, err := w.Wait(d); finished || !rung || err != nil {
			t.Errorf("%v with a ring past its mark: finished %v, rung %v, %v", d, finished, rung, err)
		}
	}
	if _, err := unix.Read(ring, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	go w.Finish()
	for _, d := range []time.Duration{time.Hour, longWait - 1} {
		if finished, _, err := w.Wait(d); !finished || err != nil {
			t.Errorf("%v, finished: finished %v, %v", d, finished, err)
		}
	}
}

// A short wait that the kernel refuses ends with the error, as a long one does.
func TestShortWaitFails(t *testing.T) {
	w, _ := newTestWaiter(t)
	if _, _, err := w.Wait(-1); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a wait of no time: %v, want EINVAL", err)
	}
}
