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
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() { families["supervised"] = supervised }

// include/uapi/linux/seccomp.h
const (
	retUserNotif     = 0x7fc00000
	flagNewListener  = 8
	ioctlNotifyRecv  = 0xc0502100
	ioctlNotifySend  = 0xc0182101
	setModeFilter    = 1
	notificationSize = 80
)

// supervised makes a call of getpgid about which its filter asks a supervisor, another thread. That interrupts the call
// with a signal, after which it begins again, and then denies it with EPERM.
func supervised(_ []string, stdout io.Writer) error {
	signal.Notify(make(chan os.Signal, 1), unix.SIGUSR1)
	listener, result := make(chan int), make(chan error)
	go func() {
		runtime.LockOSThread()
		fd, err := supervise(unix.SYS_GETPGID)
		if err != nil {
			result <- err
			return
		}
		tid := unix.Gettid()
		listener <- fd
		listener <- tid
		_, _, errno := unix.Syscall(unix.SYS_GETPGID, CallBase, 0, 0)
		if errno != unix.EPERM {
			result <- fmt.Errorf("the supervisor did not deny the call: %v", errno)
		}
		result <- nil
	}()
	var fd, tid int
	select {
	case fd = <-listener:
		tid = <-listener
	case err := <-result:
		return err
	}
	for i := range 2 {
		var request [notificationSize / 8]uint64
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlNotifyRecv,
			uintptr(unsafe.Pointer(&request))); errno != 0 {
			return fmt.Errorf("receiving notification %d: %w", i, errno)
		}
		if i == 0 {
			if err := unix.Tgkill(os.Getpid(), tid, unix.SIGUSR1); err != nil {
				return err
			}
			continue
		}
		answer := struct {
			id    uint64
			value int64
			err   int32
			flags uint32
		}{id: request[0], err: -int32(unix.EPERM)}
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), ioctlNotifySend,
			uintptr(unsafe.Pointer(&answer))); errno != 0 {
			return fmt.Errorf("answering: %w", errno)
		}
	}
	if err := <-result; err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(Made{PID: os.Getpid(), TID: tid})
}

// supervise installs a filter on the thread that asks a supervisor about a call, and returns the supervisor's
// descriptor.
func supervise(call uint32) (int, error) {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: call},
		{Code: unix.BPF_RET | unix.BPF_K, K: retUserNotif},
		{Code: unix.BPF_RET | unix.BPF_K, K: retAllow},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, setModeFilter, flagNewListener, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return 0, fmt.Errorf("installing the filter: %w", errno)
	}
	return int(fd), nil
}
