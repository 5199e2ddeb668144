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
	woken   int // can be read from when a ring has passed its mark
	is      atomic.Bool
	alarm   *alarm // of both
	polled  [2]unix.PollFd
	timeout unix.Timespec
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

// waitForEnd: woken can be read from when a ring has passed its mark.
func waitForEnd(signals signals, cmd *exec.Cmd, pids []int, woken int) (*end, error) {
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("waiting for the end: eventfd: %w", err)
	}
	alarm, err := newAlarm(event, woken)
	if err != nil {
		return nil, fmt.Errorf("waiting for the end: %w", err)
	}
	e := &end{event: event, woken: woken, alarm: alarm, signals: signals, cmd: cmd, exited: make(chan struct{})}
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

// reached waits for the end, but no longer than d; ended says whether that has come. When a ring passes its mark the wait ends
// too, and rung says so.
//
// A short wait is in the kernel, on a thread that the drain has for itself, and Go's runtime is not told: where rings are small, what
// the runtime does until a goroutine runs again is long enough for them to fill. The price is that a collection of garbage waits
// as long, which is why there is a place more (alone). A long wait is the runtime's, which then need not watch the thread.
func (e *end) reached(d time.Duration) (ended, rung bool, err error) {
	if d >= longWait {
		e.release()
		rung, err = e.alarm.wait(d)
		return e.is.Load(), rung, err
	}
	e.hold()
	e.polled = [2]unix.PollFd{{Fd: int32(e.event), Events: unix.POLLIN}, {Fd: int32(e.woken), Events: unix.POLLIN}}
	e.timeout = unix.NsecToTimespec(int64(d))
	_, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&e.polled)), uintptr(len(e.polled)), uintptr(unsafe.Pointer(&e.timeout)), 0, 0, 0)
	if errno != 0 && errno != unix.EINTR {
		return false, false, fmt.Errorf("waiting: ppoll: %w", errno)
	}
	return e.is.Load(), e.polled[1].Revents != 0, nil
}

// longWait is from where on being watched costs more than the runtime's own ways.
const longWait = 16 * time.Millisecond

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

// release ends hold. A goroutine that waits in the runtime's poller is best woken by the thread that polls.
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

// An alarm ends a wait after some time, or when one of some descriptors can be read from.
//
// It is the kernel's, and the runtime waits for it as for a network's packet. With a timer of the runtime's own each wait would
// also wake the thread that watches over timers, and another to look for work: together they cost as much as a sweep.
type alarm struct {
	timer  int
	file   *os.File        // an epoll of the timer and the descriptors
	conn   syscall.RawConn // of file
	events [4]unix.EpollEvent
	rung   bool
	failed error // of the last look
}

func newAlarm(descriptors ...int) (*alarm, error) {
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("timerfd_create: %w", err)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	for _, fd := range append(descriptors, timer) {
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return nil, fmt.Errorf("epoll_ctl: %w", err)
		}
	}
	if err := unix.SetNonblock(epoll, true); err != nil { // or os.NewFile takes it for a file that is read from
		return nil, fmt.Errorf("fcntl: %w", err)
	}
	a := &alarm{timer: timer, file: os.NewFile(uintptr(epoll), "alarm")}
	a.conn, err = a.file.SyscallConn()
	return a, err
}

// wait waits for d, which is more than 0, or until the alarm rings.
func (a *alarm) wait(d time.Duration) (rung bool, err error) {
	until := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(a.timer), 0, uintptr(unsafe.Pointer(&until)), 0, 0, 0)
	if errno != 0 {
		return false, fmt.Errorf("waiting: timerfd_settime: %w", errno)
	}
	if err := a.conn.Read(a.look); err != nil {
		return false, fmt.Errorf("waiting: %w", err)
	}
	return a.rung, a.failed
}

// look says whether the wait is over: something can be read, or it failed. None of what it calls blocks, so the runtime is not told of the calls.
func (a *alarm) look(epoll uintptr) bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, epoll, uintptr(unsafe.Pointer(&a.events)), uintptr(len(a.events)), 0, 0, 0)
	a.rung, a.failed = false, nil
	if errno != 0 {
		a.failed = fmt.Errorf("waiting: epoll_pwait: %w", errno)
		return true
	}
	for _, e := range a.events[:n] {
		if int(e.Fd) != a.timer {
			a.rung = true
		}
	}
	return n > 0
}

// alone gives the drain a place to run of its own, until back is called: when it is to wake up the lanes may have taken all others.
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
