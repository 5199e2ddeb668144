//go:build linux

// SPDX-License-Identifier: Apache-2.0

package wait

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An alarm ends a wait after some time, or when one of some descriptors can be read from.
//
// Its timer is a timerfd, for which the runtime waits in its network poller. A timer of the runtime would with each
// wait also wake the thread that watches timers and another one that looks for work: together they cost as much as a
// sweep.
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
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
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
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(a.timer), 0, uintptr(unsafe.Pointer(&until)),
		0, 0, 0)
	if errno != 0 {
		return false, fmt.Errorf("waiting: timerfd_settime: %w", errno)
	}
	if err := a.conn.Read(a.look); err != nil {
		return false, fmt.Errorf("waiting: %w", err)
	}
	return a.rung, a.failed
}

// look says whether the wait has ended: something can be read, or it failed. None of what it calls blocks, so the
// runtime is not told of the calls.
func (a *alarm) look(epoll uintptr) bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, epoll, uintptr(unsafe.Pointer(&a.events)),
		uintptr(len(a.events)), 0, 0, 0)
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
