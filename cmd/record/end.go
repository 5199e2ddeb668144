// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// commandGrace is how long COMMAND may live on after a ^C, which the terminal sends it too.
const commandGrace = 2 * time.Second

// sameSignal is how soon after the first one a signal is the same again: sent to a group, sudo gets it as well as the
// recorder, and hands it on.
const sameSignal = 200 * time.Millisecond

// An end waits for what ends a recording from outside: COMMAND's or the recorded processes' exit, a signal.
type end struct {
	event   int // an eventfd, readable at the end
	is      atomic.Bool
	polled  [2]unix.PollFd
	timeout unix.Timespec
	alarm   *alarm
	held    bool // the drain has a thread of its own
	before  unix.Sigset_t
	signals signals
	cmd     *exec.Cmd
	exited  chan struct{} // closed when COMMAND has exited
}

// signals are those the recorder takes.
type signals struct {
	stop chan os.Signal // ends the recording
	dump chan os.Signal // SIGUSR2; nobody reads it but a flight recorder
}

// handleSignals has to run before COMMAND starts, so that no signal is missed. SIGPIPE becomes EPIPE; it is
// not ignored, because COMMAND would inherit that. What nohup ignores stays ignored.
func handleSignals() signals {
	s := signals{make(chan os.Signal, 4), make(chan os.Signal, 1)}
	signal.Notify(s.stop, unix.SIGINT, unix.SIGTERM)
	if !signal.Ignored(unix.SIGHUP) {
		signal.Notify(s.stop, unix.SIGHUP)
	}
	signal.Notify(s.dump, unix.SIGUSR2)
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	return s
}

func waitForEnd(signals signals, cmd *exec.Cmd, pids []int) (*end, error) {
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("waiting for the end: eventfd: %w", err)
	}
	e := &end{event: event, signals: signals, cmd: cmd, exited: make(chan struct{})}
	go e.watchSignals()
	if cmd != nil {
		go func() {
			cmd.Wait() // the status is in cmd.ProcessState
			close(e.exited)
			e.reach()
		}()
	}
	if len(pids) > 0 {
		go func() {
			for _, pid := range pids {
				waitForExit(pid)
			}
			e.reach()
		}()
	}
	return e, nil
}

// reach ends the recording. It may be called again.
func (e *end) reach() {
	e.is.Store(true)
	one := [8]byte{1} // any number but 0
	unix.Write(e.event, one[:])
}

// reached waits for the end, but no longer than d; ended says whether that has come. When woken can be read from the wait ends
// too, and rung says so.
//
// A short wait is in the kernel, and Go's runtime is not told. Told, it would watch over what runs meanwhile every 20
// microseconds: several times the work of most sweeps. The price is that a collection of garbage waits as long, which is why
// there is a place more (alone). A long wait is the runtime's own, so that the watcher sleeps too.
func (e *end) reached(d time.Duration, woken int) (ended, rung bool) {
	if d >= longWait {
		if e.alarm == nil {
			e.alarm = newAlarm(e.event, woken)
		}
		e.release()
		rung = e.alarm.wait(d)
		return e.is.Load(), rung
	}
	e.hold()
	e.polled = [2]unix.PollFd{{Fd: int32(e.event), Events: unix.POLLIN}, {Fd: int32(woken), Events: unix.POLLIN}}
	e.timeout = unix.NsecToTimespec(int64(d))
	unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&e.polled)), uintptr(len(e.polled)), uintptr(unsafe.Pointer(&e.timeout)), 0, 0, 0)
	return e.is.Load(), e.polled[1].Revents != 0
}

// longWait is from where on the runtime's own ways cost less than being watched.
const longWait = sweepIdle / 4

// An alarm ends a wait of the runtime's when one of some descriptors can be read from.
type alarm struct {
	timer *time.Timer
	set   chan struct{} // it is to look again
	rings chan struct{}
}

func newAlarm(descriptors ...int) *alarm {
	a := &alarm{time.NewTimer(time.Hour), make(chan struct{}, 1), make(chan struct{}, 1)}
	polled := make([]unix.PollFd, len(descriptors))
	for i, d := range descriptors {
		polled[i] = unix.PollFd{Fd: int32(d), Events: unix.POLLIN}
	}
	go func() {
		for range a.set {
			unix.Ppoll(polled, nil, nil)
			select {
			case a.rings <- struct{}{}:
			default:
			}
		}
	}()
	return a
}

// wait waits for d or until the alarm rings. It may ring once for what was before.
func (a *alarm) wait(d time.Duration) (rung bool) {
	select {
	case a.set <- struct{}{}:
	default: // it is still looking
	}
	a.timer.Reset(d)
	select {
	case <-a.rings:
		return true
	case <-a.timer.C:
		return false
	}
}

// hold gives the calling goroutine a thread of its own. The signal by which the runtime asks a goroutine to pause is kept from it:
// it would end every short wait.
func (e *end) hold() {
	if e.held {
		return
	}
	e.held = true
	runtime.LockOSThread()
	unix.PthreadSigmask(unix.SIG_BLOCK, &pauses, &e.before)
}

// release ends hold. A goroutine that waits for the runtime's own timer is best woken by the thread that sees it.
func (e *end) release() {
	if !e.held {
		return
	}
	e.held = false
	unix.PthreadSigmask(unix.SIG_SETMASK, &e.before, nil)
	runtime.UnlockOSThread()
}

var pauses = func() (set unix.Sigset_t) {
	set.Val[0] = 1 << (unix.SIGURG - 1)
	return set
}()

// alone gives the drain a place to run of its own, until back is called.
func alone() (back func()) {
	places := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(places + 1)
	return func() { runtime.GOMAXPROCS(places) }
}

// watchSignals: the first signal ends the recording - with COMMAND, when that has ended from it too - and the
// second ends the recorder at once.
func (e *end) watchSignals() {
	sig := <-e.signals.stop
	first, begun := sig, time.Now()
	if e.cmd == nil {
		e.reach()
	} else {
		if sig != unix.SIGINT {
			e.cmd.Process.Signal(sig)
		}
		go func() {
			select {
			case <-e.exited:
			case <-time.After(commandGrace):
				e.cmd.Process.Signal(unix.SIGTERM)
				e.reach()
			}
		}()
	}
	for sig = <-e.signals.stop; sig == first && time.Since(begun) < sameSignal; sig = <-e.signals.stop {
	}
	if e.cmd != nil {
		e.cmd.Process.Signal(unix.SIGTERM)
	}
	os.Exit(128 + int(sig.(syscall.Signal)))
}

// ended gives COMMAND's status if it has exited.
func (e *end) ended() (status int, ok bool) {
	if e.cmd == nil {
		return 0, false
	}
	select {
	case <-e.exited:
		return e.status(), true
	default:
		return 0, false
	}
}

// status waits for COMMAND and gives its status as a shell does: 128+n for signal n. 0 without COMMAND.
func (e *end) status() int {
	if e.cmd == nil {
		return 0
	}
	<-e.exited
	ws, ok := e.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return e.cmd.ProcessState.ExitCode()
}

func waitForExit(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it has exited
	}
	defer unix.Close(fd)
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
