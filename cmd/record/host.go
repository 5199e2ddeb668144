// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
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
