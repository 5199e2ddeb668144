//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A shedder enforces the limits of CPU and memory: above them it has the BPF programs shed the bulk families, which
// means to count their events as lost instead of recording them.
type shedder struct {
	setShed func(on bool) error
	memory  func() int64 // bytes of segments in memory
	share   float64      // CPU time per time, 1: one CPU; 0: no limit
	window  int64        // bytes of segments in memory; 0: no limit

	// A token bucket of CPU time.
	updated time.Time
	cpuUsed time.Duration // CPU time of the process when it was updated
	credit  time.Duration // CPU time that may be used now; below 0: overdrawn

	shedding  bool
	since     time.Time     // when shedding began
	earlier   time.Duration // total time of shedding before since
	forMemory bool          // at least once because of window
}

// burst is the capacity of the bucket, as the time in which credit for it accumulates.
const burst = time.Second

func cpuTime() time.Duration { return time.Duration(readClock(unix.CLOCK_PROCESS_CPUTIME_ID)) }

// begin starts counting CPU time at t, now.
func (s *shedder) begin(t time.Time) { s.updated, s.cpuUsed = t, cpuTime() }

// update reports whether the bulk families are to be shed from t on. cpu is the CPU time of the process so far, memory
// the bytes of segments in memory.
func (s *shedder) update(t time.Time, cpu time.Duration, memory int64) bool {
	exceeded := false
	if s.share > 0 {
		s.credit += time.Duration(s.share*float64(t.Sub(s.updated))) - (cpu - s.cpuUsed)
		s.credit = min(s.credit, time.Duration(s.share*float64(burst)))
		s.updated, s.cpuUsed = t, cpu
		exceeded = s.credit < 0
	}
	if s.window > 0 && memory > s.window {
		exceeded, s.forMemory = true, true
	}
	if exceeded && !s.shedding {
		s.since = t
	}
	if !exceeded && s.shedding {
		s.earlier += t.Sub(s.since)
	}
	s.shedding = exceeded
	return exceeded
}

// apply starts or stops shedding as the limits require.
func (s *shedder) apply(t time.Time) error {
	if s.share == 0 && s.window == 0 {
		return nil
	}
	wasShedding := s.shedding
	var cpu time.Duration
	if s.share > 0 {
		cpu = cpuTime()
	}
	if s.update(t, cpu, s.memory()) == wasShedding {
		return nil
	}
	if err := s.setShed(s.shedding); err != nil {
		return fmt.Errorf("shedding the bulk families: %w", err)
	}
	return nil
}

// notes are the notes in the manifest about shedding until t.
func (s *shedder) notes(t time.Time, words Wording) (notes []string) {
	shed := s.earlier
	if s.shedding {
		shed += t.Sub(s.since)
	}
	if shed == 0 {
		return nil
	}
	why := words.MaxCPU
	if s.forMemory {
		why = words.MaxMemory
		if s.share > 0 {
			why += " or " + words.MaxCPU
		}
	}
	return []string{fmt.Sprintf("for %v in all the bulk families were not recorded but counted as lost, because of %s",
		shed.Round(time.Millisecond), why)}
}
