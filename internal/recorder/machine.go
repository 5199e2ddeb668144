//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

// minStep is how far a clock must move against CLOCK_MONOTONIC between two checks to be reported, in ns.
const minStep = int64(100 * time.Millisecond)

// A machine is the recorded host: its clocks, and the changes that a reader of the events has to know of: suspends,
// steps of the wall clock, CPUs that went online or offline.
type machine struct {
	readClock func(clock int32) int64
	online    func() string

	wall    int64                 // CLOCK_REALTIME - CLOCK_MONOTONIC at the start, ns; added to the times of all events
	clocks  listed[format.Clock]  // anchors; wall is from the first
	changes listed[format.Change] // so far

	// At the last check.
	realtime  int64  // CLOCK_REALTIME - CLOCK_MONOTONIC, ns
	suspended int64  // CLOCK_BOOTTIME - CLOCK_MONOTONIC, ns
	cpus      string // online
}

// listed is a list that grows as long as the recording lasts. It keeps what a manifest has: the first element and the
// newest ones.
type listed[T any] struct {
	kept  []T
	total int // how many were added
}

func (l *listed[T]) add(elements ...T) {
	l.kept, l.total = append(l.kept, elements...), l.total+len(elements)
	if len(l.kept) >= 2*format.MaxListed {
		// A copy: the old list may be part of the history of a generation.
		l.kept = slices.Concat(l.kept[:1], l.kept[len(l.kept)-format.MaxListed+1:])
	}
}

// note says that a manifest lacks some elements, and what they are; nil: it has them all.
func (l *listed[T]) note(what string) []string {
	if l.total <= format.MaxListed {
		return nil
	}
	return []string{fmt.Sprintf("of %d %s only the first and the newest %d are listed", l.total, what,
		format.MaxListed-1)}
}

// newMachine begins to look for changes; first is the anchor for the times of all events.
func newMachine(first format.Clock) *machine {
	wall := first.Wall - first.Monotonic
	m := &machine{readClock: readClock, online: onlineCPUs, wall: wall, realtime: wall}
	m.clocks.add(first)
	m.suspended, m.cpus = m.offset(unix.CLOCK_BOOTTIME), m.online()
	return m
}

// offset is how far a clock is ahead of CLOCK_MONOTONIC, in ns.
func (m *machine) offset(clock int32) int64 {
	monotonic, other := readPair(m.readClock, clock)
	return other - monotonic
}

// OnlineCPUs is a file that a recorder reads again and again.
const OnlineCPUs = "/sys/devices/system/cpu/online"

// onlineCPUs is the kernel's list, such as 0-3,8; "" if it cannot be read.
func onlineCPUs() string {
	list, _ := os.ReadFile(OnlineCPUs)
	return strings.TrimSpace(string(list))
}

// startTime is when the recording began.
func (m *machine) startTime() time.Time { return time.Unix(0, m.clocks.kept[0].Wall).UTC() }

// unixNow is the time now in ns since the Unix epoch, by the clock of the events: steps of the wall clock do not change
// it.
func (m *machine) unixNow() int64 { return monotonic() + m.wall }

// recordChanges records the changes since the last call, and a new anchor if there are any.
func (m *machine) recordChanges() {
	if changes := m.detectChanges(); len(changes) > 0 {
		m.changes.add(changes...)
		m.addAnchor()
	}
}

// addAnchor records one more reading of both clocks.
func (m *machine) addAnchor() {
	if c, err := readAnchor(); err == nil {
		m.clocks.add(c)
	}
}

// detectChanges returns the changes since the last call.
func (m *machine) detectChanges() (changes []format.Change) {
	// By the clock of the events, so that changes are in order among them even if the wall clock was set.
	ts := time.Unix(0, m.readClock(unix.CLOCK_MONOTONIC)+m.wall).UTC()
	add := func(what, detail string, args ...any) {
		changes = append(changes, format.Change{TS: ts, What: what, Detail: fmt.Sprintf(detail, args...)})
	}
	suspended, realtime, cpus := m.offset(unix.CLOCK_BOOTTIME), m.offset(unix.CLOCK_REALTIME), m.online()
	slept := suspended - m.suspended
	if slept > minStep {
		add("suspend", "the machine slept for %v", time.Duration(slept).Round(time.Millisecond))
	} else {
		slept = 0
	}
	// During a suspend CLOCK_REALTIME continues and CLOCK_MONOTONIC does not: this is not a step.
	if step := realtime - m.realtime - slept; step > minStep || step < -minStep {
		add("clock", "the wall clock was moved by %v", time.Duration(step).Round(time.Millisecond))
	}
	if cpus != m.cpus {
		add("cpu", "CPUs online: %s, before: %s", cpus, m.cpus)
	}
	m.suspended, m.realtime, m.cpus = suspended, realtime, cpus
	return changes
}

// MonotonicOffset is what the time namespace of this process adds to CLOCK_MONOTONIC. It is set before Open.
var MonotonicOffset time.Duration

// readClock reads a clock, in ns; CLOCK_MONOTONIC as it is in the initial time namespace.
func readClock(clock int32) int64 {
	var ts unix.Timespec
	// Raw, because it does not block. It fails only for clocks that do not exist.
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0)
	if clock == unix.CLOCK_MONOTONIC {
		return ts.Nano() - int64(MonotonicOffset)
	}
	return ts.Nano()
}

// monotonic reads the clock that the BPF programs use, in ns.
func monotonic() int64 { return readClock(unix.CLOCK_MONOTONIC) }

// readPair reads CLOCK_MONOTONIC and another clock as if at one instant, in ns. Of 16 attempts it takes the one in
// which the least time passed between a reading of CLOCK_MONOTONIC before and one after.
func readPair(clock func(id int32) int64, id int32) (monotonic, other int64) {
	minGap := int64(-1)
	for range 16 {
		before := clock(unix.CLOCK_MONOTONIC)
		reading := clock(id)
		after := clock(unix.CLOCK_MONOTONIC)
		if minGap < 0 || after-before < minGap {
			minGap = after - before
			monotonic, other = before+minGap/2, reading
		}
	}
	return monotonic, other
}

// readAnchor reads the two clocks of an anchor in the manifest.
func readAnchor() (format.Clock, error) {
	monotonic, wall := readPair(readClock, unix.CLOCK_REALTIME)
	if monotonic == 0 {
		return format.Clock{}, fmt.Errorf("reading the monotonic clock: it is 0")
	}
	return format.Clock{Monotonic: monotonic, Wall: wall}, nil
}

// DescribeHost returns a manifest with the members that describe the host.
func DescribeHost() (format.Manifest, error) {
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
