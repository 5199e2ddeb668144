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

// A Waiter is what the drain waits with. Any goroutine may call Finish; the other methods are for the drain. There is
// no Close, because another goroutine may call Finish even after the recording: the descriptors stay open.
type Waiter struct {
	finishFD  int // an eventfd, readable after Finish
	ringFD    int // readable when a ring wakes the drain up
	finished  atomic.Bool
	poller    *poller        // of both, for long waits
	pollFDs   [2]unix.PollFd // of both, for short waits
	timeout   unix.Timespec
	locked    bool          // the drain's goroutine is locked to its thread
	savedMask unix.Sigset_t // the thread's signal mask before it was locked
}

// New returns a Waiter. ringFD is a descriptor that is readable when a ring wakes the drain up (bpf.Session.WakeupFD).
func New(ringFD int) (*Waiter, error) {
	finishFD, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("waiting for the end: eventfd: %w", err)
	}
	poller, err := newPoller(finishFD, ringFD)
	if err != nil {
		return nil, fmt.Errorf("waiting for the end: %w", err)
	}
	return &Waiter{finishFD: finishFD, ringFD: ringFD, poller: poller}, nil
}

// Finish ends the current wait and all later ones. It may be called any number of times.
func (w *Waiter) Finish() {
	w.finished.Store(true)
	one := [8]byte{1} // any number but 0
	unix.Write(w.finishFD, one[:])
}

// minLongWait is the shortest wait for which waiting in the runtime's network poller costs less than a raw ppoll(2):
// during that, the runtime's monitor thread keeps checking the thread.
const minLongWait = 16 * time.Millisecond

// Wait waits for d, which must be more than 0. It ends early when a ring wakes the drain up (wakeup) or by Finish
// (finished; wakeup may be true as well).
//
// A short wait is a raw ppoll(2) on a thread that only the drain uses. Small rings would fill up in the time that the
// runtime needs to schedule a goroutine again. The price: a garbage collection has to wait as long, and the drain
// occupies a GOMAXPROCS slot, for which AddProcessor adds one. A long wait is in the runtime's network poller.
func (w *Waiter) Wait(d time.Duration) (finished, wakeup bool, err error) {
	if d >= minLongWait {
		w.Release()
		wakeup, err = w.poller.wait(d)
		return w.finished.Load(), wakeup, err
	}
	w.lockThread()
	w.pollFDs = [2]unix.PollFd{{Fd: int32(w.finishFD), Events: unix.POLLIN}, {Fd: int32(w.ringFD), Events: unix.POLLIN}}
	w.timeout = unix.NsecToTimespec(int64(d))
	_, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&w.pollFDs)), uintptr(len(w.pollFDs)),
		uintptr(unsafe.Pointer(&w.timeout)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return false, false, fmt.Errorf("waiting: ppoll: %w", errno)
	}
	return w.finished.Load(), w.pollFDs[1].Revents != 0, nil
}

// lockThread locks the calling goroutine to its thread. It blocks the signal with which the runtime preempts
// goroutines, because that would end every short wait.
func (w *Waiter) lockThread() {
	if w.locked {
		return
	}
	w.locked = true
	runtime.LockOSThread()
	unix.PthreadSigmask(unix.SIG_BLOCK, &preemptSignal, &w.savedMask)
}

// Release unlocks the thread that short waits have locked. Wait calls it before a long wait, so that the runtime can
// resume the goroutine on the thread that polls, without waking another one.
func (w *Waiter) Release() {
	if !w.locked {
		return
	}
	w.locked = false
	unix.PthreadSigmask(unix.SIG_SETMASK, &w.savedMask, nil)
	runtime.UnlockOSThread()
}

var preemptSignal = func() (set unix.Sigset_t) {
	set.Val[0] = 1 << (unix.SIGURG - 1)
	return set
}()

// AddProcessor increases GOMAXPROCS by one until remove is called, so that the drain can run as soon as its wait ends,
// even if other goroutines use all other slots.
func AddProcessor() (remove func()) {
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(n + 1)
	return func() { runtime.GOMAXPROCS(n) }
}
