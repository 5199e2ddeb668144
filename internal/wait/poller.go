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

// A poller waits until a time has passed or one of several descriptors is readable, in the runtime's network poller.
//
// Its timer is a timerfd. With a Go timer each wait would also wake the runtime's monitor thread, and another thread
// that looks for work; together they cost as much as a sweep.
type poller struct {
	timer  int
	file   *os.File        // an epoll descriptor, with the timer and the other descriptors
	conn   syscall.RawConn // of file
	events [4]unix.EpollEvent
	ready  bool  // by the last check, a descriptor other than the timer is readable
	err    error // of the last check
}

func newPoller(descriptors ...int) (*poller, error) {
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
	if err := unix.SetNonblock(epoll, true); err != nil { // else os.NewFile does not use the network poller
		return nil, fmt.Errorf("fcntl: %w", err)
	}
	p := &poller{timer: timer, file: os.NewFile(uintptr(epoll), "poller")}
	p.conn, err = p.file.SyscallConn()
	return p, err
}

// wait waits for d, which must be more than 0, or until a descriptor is readable: then ready is true.
func (p *poller) wait(d time.Duration) (ready bool, err error) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	_, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(p.timer), 0, uintptr(unsafe.Pointer(&spec)),
		0, 0, 0)
	if errno != 0 {
		return false, fmt.Errorf("waiting: timerfd_settime: %w", errno)
	}
	if err := p.conn.Read(p.check); err != nil {
		return false, fmt.Errorf("waiting: %w", err)
	}
	return p.ready, p.err
}

// check reports whether the wait has ended: a descriptor or the timer is readable, or epoll_pwait failed. It does not
// block, so the system call is a raw one.
func (p *poller) check(epoll uintptr) bool {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, epoll, uintptr(unsafe.Pointer(&p.events)),
		uintptr(len(p.events)), 0, 0, 0)
	p.ready, p.err = false, nil
	if errno != 0 {
		p.err = fmt.Errorf("waiting: epoll_pwait: %w", errno)
		return true
	}
	for _, e := range p.events[:n] {
		if int(e.Fd) != p.timer {
			p.ready = true
		}
	}
	return n > 0
}
