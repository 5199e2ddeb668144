//go:build linux

// SPDX-License-Identifier: Apache-2.0

package wait

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A wait ends when a descriptor is readable, also if it was before the wait began, or else when its time is over.
func TestPoller(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p, err := newPoller(int(r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	wait := func(d time.Duration) bool {
		ready, err := p.wait(d)
		if err != nil {
			t.Fatal(err)
		}
		return ready
	}
	if wait(time.Millisecond) {
		t.Error("ready with nothing to read")
	}
	drain := func() {
		if _, err := r.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		go w.Write([]byte{1})
		if !wait(time.Hour) {
			t.Fatal("not ready after a write")
		}
		drain()
	}
	if _, err := w.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if !wait(time.Hour) {
		t.Error("not ready after a write before the wait")
	}
	drain()
}

// A wait that the kernel refuses ends with the error: the drain neither sleeps forever nor spins.
func TestPollerFails(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	notAnEpoll, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(notAnEpoll)
	if !p.check(uintptr(notAnEpoll)) || !errors.Is(p.err, unix.EINVAL) {
		t.Errorf("check of a descriptor that is not an epoll: %v, want EINVAL", p.err)
	}
	if ready, err := p.wait(time.Millisecond); ready || err != nil {
		t.Errorf("the next wait: ready %v, %v", ready, err)
	}
	p.timer = -1
	if _, err := p.wait(time.Millisecond); !errors.Is(err, unix.EBADF) {
		t.Errorf("a wait without its timer: %v, want EBADF", err)
	}
}
