//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

// leastStep is how far a clock has to move against the monotonic one between two looks, ns, to be worth telling.
const leastStep = int64(100 * time.Millisecond)

// A machine is the one that is recorded: its clocks, and what happens to it that explains its events: that it slept,
// that its clock was set, that CPUs came or went.
type machine struct {
	read   func(clock int32) int64
	online func() string

	wall    int64           // CLOCK_REALTIME - CLOCK_MONOTONIC at the beginning, ns: makes a monotonic time a Unix one
	clocks  []format.Clock  // anchors, the first one being the one in use
	changes []format.Change // so far

	// At the last look, ns.
	realtime int64 // CLOCK_REALTIME - CLOCK_MONOTONIC
	asleep   int64 // CLOCK_BOOTTIME - CLOCK_MONOTONIC
	cpus     string
}

// newMachine begins to watch; first is the anchor of all events.
func newMachine(first format.Clock) *machine {
	wall := first.Wall - first.Monotonic
	m := &machine{read: now, online: onlineCPUs, wall: wall, realtime: wall, clocks: []format.Clock{first}}
	m.asleep, m.cpus = m.ahead(unix.CLOCK_BOOTTIME), m.online()
	return m
}

// ahead is how far a clock is ahead of the monotonic one.
func (m *machine) ahead(clock int32) int64 {
	monotonic, other := together(m.read, clock)
	return other - monotonic
}

// onlineCPUs is the kernel's list, such as 0-3,8; "" where it does not tell.
func onlineCPUs() string {
	list, _ := os.ReadFile("/sys/devices/system/cpu/online")
	return strings.TrimSpace(string(list))
}

// begun is when the recording began.
func (m *machine) begun() time.Time { return time.Unix(0, m.clocks[0].Wall).UTC() }

// unix is the time now, ns since the Unix epoch, on the clock of the events.
func (m *machine) unix() int64 { return monotonic() + m.wall }

// notice writes down what has happened since the last time, with an anchor if anything has.
func (m *machine) notice() {
	if changes := m.look(); len(changes) > 0 {
		m.changes = append(m.changes, changes...)
		m.addAnchor()
	}
}

// addAnchor writes down both clocks once more.
func (m *machine) addAnchor() {
	if c, err := anchor(); err == nil {
		m.clocks = append(m.clocks, c)
	}
}

// look says what has changed since the last look.
func (m *machine) look() (changes []format.Change) {
	// The wall clock may be what changes: between the events, and in order, a change is in their time only.
	ts := time.Unix(0, m.read(unix.CLOCK_MONOTONIC)+m.wall).UTC()
	add := func(what, detail string, args ...any) {
		changes = append(changes, format.Change{TS: ts, What: what, Detail: fmt.Sprintf(detail, args...)})
	}
	asleep, realtime, cpus := m.ahead(unix.CLOCK_BOOTTIME), m.ahead(unix.CLOCK_REALTIME), m.online()
	slept := asleep - m.asleep
	if slept > leastStep {
		add("suspend", "the machine slept for %v", time.Duration(slept).Round(time.Millisecond))
	} else {
		slept = 0
	}
	// While the machine sleeps the wall clock goes on and the monotonic one does not: that is not a step.
	if step := realtime - m.realtime - slept; step > leastStep || step < -leastStep {
		add("clock", "the wall clock was moved by %v", time.Duration(step).Round(time.Millisecond))
	}
	if cpus != m.cpus {
		add("cpu", "CPUs online: %s, before: %s", cpus, m.cpus)
	}
	m.asleep, m.realtime, m.cpus = asleep, realtime, cpus
	return changes
}
