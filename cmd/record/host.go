// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cilium/ebpf"

	"github.com/fletch-trace/fletch/format"
)

// describeHost fills what a manifest says of the machine.
func describeHost() (format.Manifest, error) {
	var m format.Manifest
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return m, fmt.Errorf("naming the host: uname: %w", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return m, fmt.Errorf("reading the boot id: %w", err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return m, fmt.Errorf("counting CPUs: %w", err)
	}
	m.Host = unix.ByteSliceToString(uts.Nodename[:])
	m.Kernel = unix.ByteSliceToString(uts.Release[:])
	m.Arch = unix.ByteSliceToString(uts.Machine[:])
	m.BootID = strings.TrimSpace(string(boot))
	m.CPUs = cpus
	m.PageSize = os.Getpagesize()
	return m, nil
}

func now(clock int32) int64 {
	var ts unix.Timespec
	// It does not block, which the runtime need not be ready for. It fails for clocks that do not exist only.
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

// together reads the monotonic clock and another one at one instant: the pair, of several, whose monotonic readings lie
// closest.
func together(clock func(id int32) int64, id int32) (monotonic, other int64) {
	gap := int64(-1)
	for range 16 {
		before := clock(unix.CLOCK_MONOTONIC)
		there := clock(id)
		after := clock(unix.CLOCK_MONOTONIC)
		if gap < 0 || after-before < gap {
			gap = after - before
			monotonic, other = before+gap/2, there
		}
	}
	return monotonic, other
}

func anchor() (format.Clock, error) {
	monotonic, wall := together(now, unix.CLOCK_REALTIME)
	if monotonic == 0 {
		return format.Clock{}, fmt.Errorf("reading the monotonic clock: it stands at 0")
	}
	return format.Clock{Monotonic: monotonic, Wall: wall}, nil
}

// raisePriority lets the recorder be scheduled before what it records. A refusal costs speed only.
func raisePriority() (before int) {
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

// withPriority calls fn, which may fork, with the priority of a process that is not the recorder.
func withPriority(nice int, fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	unix.Setpriority(unix.PRIO_PROCESS, 0, nice)
	defer unix.Setpriority(unix.PRIO_PROCESS, 0, -20)
	return fn()
}
