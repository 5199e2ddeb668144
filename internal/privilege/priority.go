//go:build linux

// SPDX-License-Identifier: Apache-2.0

package privilege

import (
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// RaisePriority lets the recorder be scheduled before what it records, and gives the nice value that it had. A refusal
// costs speed only.
func RaisePriority() (before int) {
	// The call gives 20 minus the priority, which is never negative.
	if n, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil {
		before = 20 - n
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return before
	}
	for _, t := range tasks {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			unix.Setpriority(unix.PRIO_PROCESS, tid, -20)
		}
	}
	return before
}

// WithPriority calls fn, which may fork, with the priority of a process that is not the recorder.
func WithPriority(nice int, fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Setpriority(unix.PRIO_PROCESS, 0, nice)
	defer unix.Setpriority(unix.PRIO_PROCESS, 0, -20)
	return fn()
}
