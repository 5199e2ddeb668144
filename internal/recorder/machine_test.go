//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDetectChanges(t *testing.T) {
	const second = int64(time.Second)
	clocks := map[int32]int64{
		unix.CLOCK_MONOTONIC: 5 * second, unix.CLOCK_BOOTTIME: 5 * second, unix.CLOCK_REALTIME: 1000 * second,
	}
	cpus := "0-3"
	read := func(id int32) int64 { return clocks[id] }
	m := &machine{readClock: read, online: func() string { return cpus }, wall: 995 * second}
	m.detectChanges()
	pass := func(monotonic, asleep, step int64) {
		clocks[unix.CLOCK_MONOTONIC] += monotonic
		clocks[unix.CLOCK_BOOTTIME] += monotonic + asleep
		clocks[unix.CLOCK_REALTIME] += monotonic + asleep + step
	}
	tests := []struct {
		name                    string
		monotonic, asleep, step int64
		cpus                    string
		want                    []string
	}{
		{name: "nothing", monotonic: second, cpus: "0-3"},
		{name: "the clock is slewed", monotonic: second, step: 40e6, cpus: "0-3"},
		{name: "the clock is set", monotonic: second, step: -2 * second, cpus: "0-3",
			want: []string{"clock: the wall clock was moved by -2s"}},
		{name: "the machine slept", monotonic: second, asleep: 3600 * second, cpus: "0-3",
			want: []string{"suspend: the machine slept for 1h0m0s"}},
		{name: "it slept and the clock was set", monotonic: second, asleep: 60 * second, step: second, cpus: "0-3",
			want: []string{"suspend: the machine slept for 1m0s", "clock: the wall clock was moved by 1s"}},
		{name: "a CPU left", monotonic: second, cpus: "0,2-3", want: []string{"cpu: CPUs online: 0,2-3, before: 0-3"}},
	}
	for _, test := range tests {
		pass(test.monotonic, test.asleep, test.step)
		cpus = test.cpus
		got := m.detectChanges()
		if len(got) != len(test.want) {
			t.Errorf("%s: %+v, want %v", test.name, got, test.want)
			continue
		}
		for i, c := range got {
			if c.What+": "+c.Detail != test.want[i] || c.TS.UnixNano() != clocks[unix.CLOCK_MONOTONIC]+995*second {
				t.Errorf("%s: %+v, want %s", test.name, c, test.want[i])
			}
		}
	}
	if again := m.detectChanges(); len(again) != 0 {
		t.Errorf("reported twice: %+v", again)
	}

	readings := 0
	m.readClock = func(id int32) int64 {
		if readings++; readings%4 == 1 { // the reading thread is preempted for a second
			pass(second, 0, 0)
		}
		return read(id)
	}
	if changes := m.detectChanges(); len(changes) != 0 {
		t.Errorf("with time between the readings of two clocks: %+v", changes)
	}
}
