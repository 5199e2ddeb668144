//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Denials is what seccomp prints.
type Denials struct {
	PID      int         `json:"pid"`
	Statuses map[int]int `json:"statuses"` // number of trapped and killed processes by exit status, -n for signal n
}

// include/uapi/linux/seccomp.h
const (
	retKillProcess = 0x80000000
	retKillThread  = 0
	retTrap        = 0x00030000
	retErrno       = 0x00050000
	retTrace       = 0x7ff00000
	retLog         = 0x7ffc0000
	retAllow       = 0x7fff0000
)

// actions are what filters do with a call.
var actions = map[string]uint32{
	"errno": retErrno | uint32(unix.EACCES), "trap": retTrap, "kill-process": retKillProcess,
	"kill-thread": retKillThread, "trace": retTrace,
}

// seccomp starts one process that makes N calls of getpgid, which its filter denies with EACCES, and N calls of getsid,
// which it logs; and for each of trap, kill-process and kill-thread N processes whose filter does that at a getpgid.
func seccomp(args []string, stdout io.Writer) error {
	n, err := number(args, 0)
	if err != nil {
		return err
	}
	d := Denials{PID: os.Getpid(), Statuses: map[int]int{}}
	for _, action := range []string{"trap", "kill-process", "kill-thread"} {
		for range n {
			status, err := again(nil, "denied", action, "1")
			if err != nil {
				return err
			}
			d.Statuses[status]++
		}
	}
	status, err := again(nil, "denied", "errno", strconv.Itoa(n))
	if err != nil || status != 0 {
		return fmt.Errorf("denying with an errno: status %d, %v", status, err)
	}
	return json.NewEncoder(stdout).Encode(d)
}

// denied installs a filter with ACTION for getpgid on its thread, and calls getpgid and getsid N times.
func denied(args []string, _ io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("denied takes ACTION and N")
	}
	n, err := number(args, 1)
	if err != nil {
		return err
	}
	action, ok := actions[args[0]]
	if !ok {
		return fmt.Errorf("unknown action %q", args[0])
	}
	if args[0] == "kill-thread" {
		return loseThread(action)
	}
	runtime.LockOSThread()
	if err := install(unix.SYS_GETPGID, action); err != nil {
		return err
	}
	for i := range n {
		_, _, errno := unix.RawSyscall(unix.SYS_GETPGID, uintptr(CallBase+i), 0, 0)
		if errno != unix.EACCES {
			return fmt.Errorf("getpgid was not denied: %v", errno)
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_GETSID, 0, 0, 0); errno != 0 {
			return fmt.Errorf("getsid, which is only logged, failed: %v", errno)
		}
	}
	return nil
}

// loseThread starts a thread that its filter kills, and waits until it has ended.
func loseThread(action uint32) error {
	runtime.LockOSThread() // so that the killed thread is not the main thread, which stays in /proc
	started := make(chan int)
	go func() {
		runtime.LockOSThread()
		started <- unix.Gettid()
		if install(unix.SYS_GETPGID, action) == nil {
			// Not RawSyscall: the Go runtime has to know that the thread may not return.
			unix.Syscall(unix.SYS_GETPGID, CallBase, 0, 0)
		}
	}()
	thread := fmt.Sprintf("/proc/self/task/%d", <-started)
	for range 1000 {
		if _, err := os.Stat(thread); err != nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("thread %s was not killed", thread)
}

// install installs a filter on the thread, with an action for a call. It logs getsid.
func install(call, action uint32) error {
	load := func(k uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: k}
	}
	equal := func(k uint32, jf uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: jf, K: k}
	}
	ret := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	program := []unix.SockFilter{
		load(0), // seccomp_data.nr
		equal(call, 1), ret(action),
		equal(unix.SYS_GETSID, 1), ret(retLog),
		ret(retAllow),
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	// SECCOMP_SET_MODE_FILTER
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, 1, 0, uintptr(unsafe.Pointer(&fprog))); errno != 0 {
		return fmt.Errorf("installing the filter: %w", errno)
	}
	return nil
}
