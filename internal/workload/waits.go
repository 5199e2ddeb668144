//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Waits is what waits prints when its threads have been started.
type Waits struct {
	PID  int            `json:"pid"`
	TIDs map[string]int `json:"tids"` // of the thread that waits in each call
}

// waits starts threads that wait, each in another call: read of an empty pipe, write to a full one, futex, epoll,
// accept, poll, and a nanosleep of an hour. It ends the calls when it reads a byte from standard input, except for
// nanosleep, and itself when it reads another one.
func waits([]string, io.Writer) error {
	report := Waits{PID: os.Getpid(), TIDs: map[string]int{}}
	var release []func()
	for name, begin := range map[string]func() (wait, release func(), err error){
		"read": waitInRead, "write": waitInWrite, "futex": waitInFutex, "epoll": waitInEpoll, "accept": waitInAccept,
		"poll": waitInPoll, "nanosleep": waitInNanosleep,
	} {
		wait, end, err := begin()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		release = append(release, end)
		tid := make(chan int)
		go func() {
			runtime.LockOSThread()
			tid <- unix.Gettid()
			wait()
			select {}
		}()
		report.TIDs[name] = <-tid
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		return err
	}
	os.Stdin.Read(make([]byte, 1))
	for _, end := range release {
		end()
	}
	os.Stdin.Read(make([]byte, 1))
	return nil
}

func pipe() (p [2]int, err error) {
	err = unix.Pipe(p[:])
	return p, err
}

func waitInRead() (wait, release func(), err error) {
	p, err := pipe()
	return func() { unix.Read(p[0], make([]byte, 100)) }, func() { unix.Write(p[1], make([]byte, 5)) }, err
}

func waitInWrite() (wait, release func(), err error) {
	p, err := pipe()
	if err != nil {
		return nil, nil, err
	}
	size, err := unix.FcntlInt(uintptr(p[1]), unix.F_SETPIPE_SZ, 4096)
	if err != nil {
		return nil, nil, err
	}
	_, err = unix.Write(p[1], make([]byte, size))
	return func() { unix.Write(p[1], make([]byte, 200)) }, func() { unix.Read(p[0], make([]byte, size)) }, err
}

func waitInFutex() (wait, release func(), err error) {
	word := new(uint32)
	futex := func(op, value uintptr) {
		unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), op, value, 0, 0, 0)
	}
	return func() { futex(0, 0) }, func() { futex(1, 1) }, nil // FUTEX_WAIT, FUTEX_WAKE
}

func waitInEpoll() (wait, release func(), err error) {
	p, err := pipe()
	if err != nil {
		return nil, nil, err
	}
	epoll, err := unix.EpollCreate1(0)
	if err != nil {
		return nil, nil, err
	}
	err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, p[0], &unix.EpollEvent{Events: unix.EPOLLIN})
	return func() { unix.EpollWait(epoll, make([]unix.EpollEvent, 4), -1) },
		func() { unix.Write(p[1], make([]byte, 1)) }, err
}

func waitInAccept() (wait, release func(), err error) {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		err = unix.Bind(listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(listener, 1)
	}
	if err != nil {
		return nil, nil, err
	}
	address, err := unix.Getsockname(listener)
	return func() { unix.Accept4(listener, 0) }, func() {
		if fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); err == nil {
			unix.Connect(fd, address)
		}
	}, err
}

func waitInPoll() (wait, release func(), err error) {
	p, err := pipe()
	return func() { unix.Poll([]unix.PollFd{{Fd: int32(p[0]), Events: unix.POLLIN}}, -1) },
		func() { unix.Write(p[1], make([]byte, 1)) }, err
}

func waitInNanosleep() (wait, release func(), err error) {
	return func() { unix.Nanosleep(&unix.Timespec{Sec: 3600}, nil) }, func() {}, nil
}

// Restarts is what restarts prints.
type Restarts struct {
	PID int `json:"pid"`
	TID int `json:"tid"` // of the thread that makes the calls
}

// restarts makes calls from one thread that signals interrupt:
//
//	a read of 101 bytes by a handler with SA_RESTART; the read continues, and ends with 1 byte
//	a read of 102 bytes by stopping the process and continuing it; likewise
//	a poll of a descriptor by a handler: it fails with EINTR, and the same poll is made again
func restarts(_ []string, stdout io.Writer) error {
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, unix.SIGUSR1)
	p, err := pipe()
	if err != nil {
		return err
	}
	tids, next := make(chan int), make(chan bool)
	go func() {
		runtime.LockOSThread()
		tids <- unix.Gettid()
		for _, size := range []int{101, 102} {
			unix.Read(p[0], make([]byte, size))
			next <- true
		}
		fds := []unix.PollFd{{Fd: int32(p[0]), Events: unix.POLLIN}}
		for _, err := unix.Poll(fds, -1); err == unix.EINTR; {
			_, err = unix.Poll(fds, -1)
		}
		next <- true
	}()
	tid := <-tids
	interrupt := func() { unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1) }
	stop := func() { stopAndContinue(os.Getpid()) }
	for _, disturb := range []func(){interrupt, stop, interrupt} {
		waitUntilAsleep(tid)
		disturb()
		time.Sleep(100 * time.Millisecond)
		waitUntilAsleep(tid)
		unix.Write(p[1], make([]byte, 1))
		<-next
	}
	return json.NewEncoder(stdout).Encode(Restarts{os.Getpid(), tid})
}

// stopAndContinue stops this process, and has another one continue it.
func stopAndContinue(pid int) {
	other, err := os.StartProcess("/bin/sh", []string{"sh", "-c",
		fmt.Sprintf("kill -STOP %d; sleep 0.1; kill -CONT %d", pid, pid)}, &os.ProcAttr{})
	if err == nil {
		other.Wait()
	}
}

// waitUntilAsleep waits until a thread is asleep in a call.
func waitUntilAsleep(tid int) {
	for {
		time.Sleep(50 * time.Millisecond)
		text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
		if err != nil || string(text) != "running\n" {
			return
		}
	}
}
