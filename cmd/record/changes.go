// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

// changeOf is how far a clock has to move against the monotonic one between two looks, ns, to be worth telling.
const changeOf = int64(100 * time.Millisecond)

// A watch notices what happens to the machine and explains its events: that it slept, that its clock was set, that CPUs
// came or went.
type watch struct {
	clock  func(id int32) int64
	online func() string
	base   int64 // CLOCK_REALTIME over CLOCK_MONOTONIC when the capture began, ns: what makes a monotonic time one of its own
	wall   int64 // the same at the last look
	asleep int64 // CLOCK_BOOTTIME over it
	cpus   string
}

func newWatch(base int64) *watch {
	w := &watch{clock: now, online: onlineCPUs, base: base, wall: base}
	w.asleep, w.cpus = w.over(unix.CLOCK_BOOTTIME), w.online()
	return w
}

// over is how far a clock is ahead of the monotonic one.
func (w *watch) over(id int32) int64 {
	monotonic, other := together(w.clock, id)
	return other - monotonic
}

// onlineCPUs is the kernel's list, such as 0-3,8; "" where it does not tell.
func onlineCPUs() string {
	list, _ := os.ReadFile("/sys/devices/system/cpu/online")
	return strings.TrimSpace(string(list))
}

// look says what has changed since the last look.
func (w *watch) look() (changes []format.Change) {
	// The wall clock may be what changes: between the events, and in order, a change is in their time only.
	ts := time.Unix(0, w.clock(unix.CLOCK_MONOTONIC)+w.base).UTC()
	add := func(what, detail string, args ...any) {
		changes = append(changes, format.Change{TS: ts, What: what, Detail: fmt.Sprintf(detail, args...)})
	}
	asleep, wall, cpus := w.over(unix.CLOCK_BOOTTIME), w.over(unix.CLOCK_REALTIME), w.online()
	slept := asleep - w.asleep
	if slept > changeOf {
		add("suspend", "the machine slept for %v", time.Duration(slept).Round(time.Millisecond))
	} else {
		slept = 0
	}
	// Asleep the wall clock goes on, and the monotonic one does not: that is no step.
	if step := wall - w.wall - slept; step > changeOf || step < -changeOf {
		add("clock", "the wall clock was moved by %v", time.Duration(step).Round(time.Millisecond))
	}
	if cpus != w.cpus {
		add("cpu", "CPUs online: %s, before: %s", cpus, w.cpus)
	}
	w.asleep, w.wall, w.cpus = asleep, wall, cpus
	return changes
}
