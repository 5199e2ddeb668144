//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	if len(os.Args) > 1 && os.Args[1] == "clock" {
		runtime.LockOSThread() // to the main thread: /proc/self is about that one
	}
}

// clock runs a command in a time namespace whose CLOCK_MONOTONIC is some seconds ahead.
func clock(args []string, _ io.Writer) error {
	if len(args) < 2 {
		return fmt.Errorf("clock takes SECONDS and a command")
	}
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := os.WriteFile("/proc/self/timens_offsets", []byte("monotonic "+args[0]+" 123456789"), 0); err != nil {
		return err
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	argv0, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	argv, err := syscall.SlicePtrFromStrings(args[1:])
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return err
	}
	// Go shares its memory with a child until execve, which kernels until 6.1 refuse in another time namespace.
	pid, _, errno := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
	if errno != 0 {
		return fmt.Errorf("clone: %w", errno)
	}
	if pid == 0 {
		syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(argv0)), uintptr(unsafe.Pointer(&argv[0])),
			uintptr(unsafe.Pointer(&envv[0])))
		syscall.RawSyscall(syscall.SYS_EXIT, 127, 0, 0)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(int(pid), &status, 0, nil); err != nil || status == 0 {
		return err
	}
	return fmt.Errorf("%s: exit status %d", path, status.ExitStatus())
}
