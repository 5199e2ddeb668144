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

// A wait ends when something can be read, also when that came while nobody waited, and else when its time is over.
func TestAlarm(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	a, err := newAlarm(int(r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	wait := func(d time.Duration) bool {
		rung, err := a.wait(d)
		if err != nil {
			t.Fatal(err)
		}
		return rung
	}
	if wait(time.Millisecond) {
		t.Error("it rang, and there was nothing to read")
	}
	rest := func() {
		if _, err := r.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		go w.Write([]byte{1})
		if !wait(time.Hour) {
			t.Fatal("it did not ring")
		}
		rest()
	}
	if _, err := w.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if !wait(time.Hour) {
		t.Error("it did not ring for what was there before")
	}
	rest()
}

// A wait that the kernel refuses ends with the error: nobody sleeps through a recording, or spins.
func TestAlarmFails(t *testing.T) {
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	notAnEpoll, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(notAnEpoll)
	if !a.look(uintptr(notAnEpoll)) || !errors.Is(a.failed, unix.EINVAL) {
		t.Errorf("a look at what is no epoll: %v, want EINVAL", a.failed)
	}
	if rung, err := a.wait(time.Millisecond); rung || err != nil {
		t.Errorf("the next wait: rung %v, %v", rung, err)
	}
	a.timer = -1
	if _, err := a.wait(time.Millisecond); !errors.Is(err, unix.EBADF) {
		t.Errorf("a wait without its timer: %v, want EBADF", err)
	}
}
