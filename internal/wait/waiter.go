//go:build linux

// SPDX-License-Identifier: Apache-2.0

package wait

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Waiter waits for the drain. Finish may be called by any goroutine, the rest is the drain's. It is there as long as
// the process is: whoever calls Finish may do so late.
type Waiter struct {
	finish   int // an eventfd, readable when it is finished
	ring     int // readable when a ring has passed its mark
	finished atomic.Bool
	alarm    *alarm // of both
	polled   [2]unix.PollFd
	timeout  unix.Timespec
	held     bool          // the drain has a thread of its own
	mask     unix.Sigset_t // of that thread, before it was held
}

// New gives a Waiter. ring is a descriptor that can be read from when a ring has passed its mark.
func New(ring int) (*Waiter, error) {
	finish, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("waiting for the end: eventfd: %w", err)
	}
	alarm, err := newAlarm(finish, ring)
	if err != nil {
		return nil, fmt.Errorf("waiting for the end: %w", err)
	}
	return &Waiter{finish: finish, ring: ring, alarm: alarm}, nil
}

// Finish ends the wait that is under way, and all that follow. It may be called again.
func (w *Waiter) Finish() {
	w.finished.Store(true)
	one := [8]byte{1} // any number but 0
	unix.Write(w.finish, one[:])
}

// longWait is from where on being watched by the runtime costs more than the runtime's own ways.
const longWait = 16 * time.Millisecond

// Wait waits for d, which is more than 0, and ends early when a ring passes its mark (rung) or by Finish (finished;
// rung may be true as well).
//
// A short wait is in the kernel, on a thread that the drain has for itself, and Go's runtime is not told: where rings
// are small, what the runtime does until a goroutine runs again is long enough for them to fill. The price is that a
// collection of garbage waits as long, which is why there is a processor more (AddProcessor). A long wait is the
// runtime's, which then need not watch the thread.
func (w *Waiter) Wait(d time.Duration) (finished, rung bool, err error) {
	if d >= longWait {
		w.Release()
		rung, err = w.alarm.wait(d)
		return w.finished.Load(), rung, err
	}
	w.hold()
	w.polled = [2]unix.PollFd{{Fd: int32(w.finish), Events: unix.POLLIN}, {Fd: int32(w.ring), Events: unix.POLLIN}}
	w.timeout = unix.NsecToTimespec(int64(d))
	_, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&w.polled)), uintptr(len(w.polled)),
		uintptr(unsafe.Pointer(&w.timeout)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return false, false, fmt.Errorf("waiting: ppoll: %w", errno)
	}
	return w.finished.Load(), w.polled[1].Revents != 0, nil
}

// hold gives the calling goroutine a thread of its own. The signal by which the runtime asks a goroutine to pause is
// kept from it: it would end every short wait.
func (w *Waiter) hold() {
	if w.held {
		return
	}
	w.held = true
	runtime.LockOSThread()
	unix.PthreadSigmask(unix.SIG_BLOCK, &pauses, &w.mask)
}

// Release gives back the thread that short waits have taken. A goroutine that waits in the runtime's poller is best
// woken by the thread that polls.
func (w *Waiter) Release() {
	if !w.held {
		return
	}
	w.held = false
	unix.PthreadSigmask(unix.SIG_SETMASK, &w.mask, nil)
	runtime.UnlockOSThread()
}

var pauses = func() (set unix.Sigset_t) {
	set.Val[0] = 1 << (unix.SIGURG - 1)
	return set
}()
