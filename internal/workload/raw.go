//go:build linux && (386 || amd64 || arm || arm64)

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Made is what raw prints.
type Made struct {
	PID     int     `json:"pid"`
	TID     int     `json:"tid"`
	Results []int64 `json:"results"` // of the calls, in order; minus an error number
}

func init() {
	families["raw"] = raw
	families["filtered"] = filtered
	families["filtered-call"] = filteredCall
	families["forged"] = forged
	families["skipped"] = skipped
	if len(os.Args) > 1 && os.Args[1] == "skipped" {
		runtime.LockOSThread() // the main thread, which is the one that is traced
	}
}

const skippedCalls = 3 // that workload skip skips

// skipped is what workload skip traces: getsid, which its filter denies, and then calls of getpgid.
func skipped(args []string, _ io.Writer) error {
	if args[0] == "filter" {
		if err := install(unix.SYS_GETPGID, retTrace); err != nil {
			return err
		}
	}
	if err := install(unix.SYS_GETSID, retErrno|uint32(unix.EACCES)); err != nil {
		return err
	}
	unix.RawSyscall(unix.SYS_GETSID, CallBase, 0, 0)
	for i := range skippedCalls {
		_, _, errno := unix.RawSyscall(unix.SYS_GETPGID, uintptr(CallBase+i), 0, 0)
		if errno != unix.EPERM {
			return fmt.Errorf("call %d was not skipped: %v", i, errno)
		}
	}
	return nil
}

// filtered makes each call in a process of its own, whose filter denies that number. They are ACTION:CALL.
func filtered(args []string, stdout io.Writer) error {
	for _, arg := range args {
		action, call, _ := strings.Cut(arg, ":")
		if _, err := again(nil, "filtered-call", action, call); err != nil {
			return err
		}
	}
	return json.NewEncoder(stdout).Encode(Made{PID: os.Getpid()})
}

// filteredCall is what each of these processes does.
func filteredCall(args []string, stdout io.Writer) error {
	nr, err := parse(strings.Split(args[1], ":")[1])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := install(uint32(nr), actions[args[0]]); err != nil {
		return err
	}
	return raw(args[1:], stdout)
}

// forged sends this thread a SIGSYS that looks like one of a filter. It is blocked, and never delivered.
func forged(_ []string, _ io.Writer) error {
	runtime.LockOSThread()
	var blocked unix.Sigset_t
	blocked.Val[0] = 1 << (unix.SIGSYS - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, nil); err != nil {
		return err
	}
	info := siginfo{signo: int32(unix.SIGSYS), code: 1} // SYS_SECCOMP
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(os.Getpid()), uintptr(unix.Gettid()),
		uintptr(unix.SIGSYS), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// raw makes calls as they are given: how the kernel is entered, the whole register of the number, and arguments, as
// HOW:NR:ARG:ARG... The ways are syscall, which is the native one of this program; int80; and vdso, by the function of
// a 32-bit program's vDSO, which is sysenter or syscall.
func raw(args []string, stdout io.Writer) error {
	runtime.LockOSThread()
	made := Made{PID: os.Getpid(), TID: unix.Gettid()}
	for _, arg := range args {
		how, list, _ := strings.Cut(arg, ":")
		var words [7]uintptr
		for i, w := range strings.Split(list, ":") {
			if i >= len(words) {
				return fmt.Errorf("%s has too many arguments", arg)
			}
			n, err := parse(w)
			if err != nil {
				return err
			}
			words[i] = uintptr(n)
		}
		enter, known := entries[how]
		if !known {
			return fmt.Errorf("%s: this program cannot enter the kernel so", arg)
		}
		made.Results = append(made.Results, enter(words[0], (*[6]uintptr)(words[1:])))
	}
	return json.NewEncoder(stdout).Encode(made)
}

// entries are the ways into the kernel of this program.
var entries = map[string]func(nr uintptr, arg *[6]uintptr) int64{
	"syscall": func(nr uintptr, arg *[6]uintptr) int64 {
		ret, _, errno := unix.RawSyscall6(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5])
		if errno != 0 {
			return -int64(errno)
		}
		return int64(ret)
	},
}

// parse reads a number of 64 bits, which may be negative.
func parse(text string) (uint64, error) {
	if strings.HasPrefix(text, "-") {
		n, err := strconv.ParseInt(text, 0, 64)
		return uint64(n), err
	}
	return strconv.ParseUint(text, 0, 64)
}
