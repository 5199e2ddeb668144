//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

// now reads a clock, ns.
func now(clock int32) int64 {
	var ts unix.Timespec
	// It does not block, which the runtime need not be ready for. It fails for clocks that do not exist only.
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

// monotonic is the programs' clock, ns.
func monotonic() int64 { return now(unix.CLOCK_MONOTONIC) }

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

// anchor reads both clocks of a manifest.
func anchor() (format.Clock, error) {
	monotonic, wall := together(now, unix.CLOCK_REALTIME)
	if monotonic == 0 {
		return format.Clock{}, fmt.Errorf("reading the monotonic clock: it stands at 0")
	}
	return format.Clock{Monotonic: monotonic, Wall: wall}, nil
}
