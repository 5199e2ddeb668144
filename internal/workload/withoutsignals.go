//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// withoutSignals blocks all signals of the calling thread, and returns a function that ends that. The Go runtime sends
// some to its own threads.
func withoutSignals() (restore func()) {
	runtime.LockOSThread()
	all, before := ^uint64(0), uint64(0)
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)),
		uintptr(unsafe.Pointer(&before)), unsafe.Sizeof(all), 0, 0)
	return func() {
		unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&before)), 0,
			unsafe.Sizeof(before), 0, 0)
		runtime.UnlockOSThread()
	}
}
