//go:build linux

// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"runtime"

	"golang.org/x/sys/unix"
)

const lowestNice = ^uintptr(19) // -20

// RaisePriority gives all threads the nice value -20, so that the recorder is scheduled before what it records. It
// returns the nice value from before. Without the permission nothing changes, and more events may be lost.
func RaisePriority() (before int) {
	// The system call returns 20 minus the nice value, so that the result is not negative.
	if n, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
		before = 20 - n
	}
	// Each thread sets its own: ids that /proc has may be those of another pid namespace.
	allThreads("setpriority", unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, lowestNice)
	return before
}

// WithPriority calls fn in a thread with this nice value, which a process that fn starts inherits.
func WithPriority(nice int, fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Setpriority(unix.PRIO_PROCESS, 0, nice)
	defer unix.Setpriority(unix.PRIO_PROCESS, 0, -20)
	return fn()
}
