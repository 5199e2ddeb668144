//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() { families["skip"] = skip }

// A tracer skips the calls of getpgid that a process makes.
type tracer struct {
	pid     int
	how     string
	skipped int
	status  unix.WaitStatus
}

// skip traces CMD, a workload, and skips its calls of getpgid: at their entry (call), as what a filter asks the tracer
// about (filter), or by emulating all calls from then on (emulate) and killing it.
func skip(args []string, stdout io.Writer) error {
	runtime.LockOSThread() // the tracer is a thread
	cmd := exec.Command(args[1], "skipped", args[0])
	cmd.Stderr = os.Stderr
	// Without signals of its own runtime: while calls are emulated it could not return from their handlers.
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOGC=off")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	t := tracer{pid: cmd.Process.Pid, how: args[0]}
	if _, err := unix.Wait4(t.pid, &t.status, 0, nil); err != nil {
		return err
	}
	options := unix.PTRACE_O_TRACESYSGOOD
	if t.how == "filter" {
		options |= unix.PTRACE_O_TRACESECCOMP
	}
	if err := unix.PtraceSetOptions(t.pid, options); err != nil {
		return err
	}
	request := unix.PTRACE_SYSCALL
	if t.how == "filter" {
		request = unix.PTRACE_CONT
	}
	for !t.status.Exited() && !t.status.Signaled() {
		signal, err := t.stopped(&request)
		if err != nil {
			return err
		}
		_, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(t.pid), 0, uintptr(signal), 0, 0)
		if errno != 0 && errno != unix.ESRCH { // killed
			return errno
		}
		if _, err := unix.Wait4(t.pid, &t.status, 0, nil); err != nil {
			return err
		}
	}
	if t.skipped != skippedCalls || t.how != "emulate" && t.status.ExitStatus() != 0 {
		return fmt.Errorf("%d calls were skipped, status %#x", t.skipped, t.status)
	}
	return json.NewEncoder(stdout).Encode(Made{PID: os.Getpid(), TID: t.pid})
}

// Offsets in struct user of arch/x86/include/asm/user_64.h.
const (
	userRBX     = 5 * 8
	userRAX     = 10 * 8
	userRDI     = 14 * 8
	userOrigRAX = 15 * 8
	userCS      = 17 * 8
)

func (t *tracer) peek(offset uintptr) (value int64) {
	unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_PEEKUSR, uintptr(t.pid), offset, uintptr(unsafe.Pointer(&value)),
		0, 0)
	return value
}

func (t *tracer) poke(offset uintptr, value int64) {
	unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_POKEUSR, uintptr(t.pid), offset, uintptr(value), 0, 0)
}

// stopped handles a stop of the process, and returns the signal to continue it with.
func (t *tracer) stopped(request *int) (unix.Signal, error) {
	stop := t.status.StopSignal()
	if stop != unix.SIGTRAP|0x80 && t.status.TrapCause() != unix.PTRACE_EVENT_SECCOMP {
		if stop == unix.SIGTRAP {
			stop = 0
		}
		return stop, nil
	}
	getpgid, getsid, arg := int64(unix.SYS_GETPGID), int64(unix.SYS_GETSID), t.peek(userRDI)
	if t.peek(userCS) == 0x23 { // the code segment of i386
		getpgid, getsid, arg = 132, 147, t.peek(userRBX)
	}
	nr, entry := t.peek(userOrigRAX), t.peek(userRAX) == -int64(unix.ENOSYS)
	switch {
	case nr == getsid && !entry && t.how == "emulate":
		*request = unix.PTRACE_SYSEMU
	case nr == getpgid && entry && arg >= CallBase:
		t.skipped++
		if t.how != "emulate" {
			t.poke(userOrigRAX, -1)
		}
		t.poke(userRAX, -int64(unix.EPERM))
	case t.skipped == skippedCalls && t.how == "emulate":
		return 0, unix.Kill(t.pid, unix.SIGKILL)
	}
	return 0, nil
}
