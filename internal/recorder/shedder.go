//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// A shedder is the drain's part in keeping to what the recorder may take: above it, the bulk families are shed, which
// the programs count as lost.
type shedder struct {
	shed   func(on bool) error
	memory func() int64 // bytes of segments in memory
	share  float64      // of a CPU; 0: no limit
	window int64        // bytes that segments in memory may take; 0: no limit

	looked time.Time
	used   time.Duration // CPU time at the last look
	credit time.Duration // CPU time that may be used at once; below 0: what was used too much

	shedding  bool
	since     time.Time
	before    time.Duration // in all, until since
	forMemory bool          // at some time
}

// burst is how long it may use CPU as if there were no limit, times the limit: it saves up no more.
const burst = time.Second

func cpuTime() time.Duration { return time.Duration(now(unix.CLOCK_PROCESS_CPUTIME_ID)) }

// begin counts from now on.
func (s *shedder) begin(t time.Time) { s.looked, s.used = t, cpuTime() }

// exceeded says whether the bulk families are to be shed now. cpu is the CPU time used so far, memory the bytes of
// segments in memory.
func (s *shedder) exceeded(t time.Time, cpu time.Duration, memory int64) bool {
	exceeded := false
	if s.share > 0 {
		s.credit += time.Duration(s.share*float64(t.Sub(s.looked))) - (cpu - s.used)
		s.credit = min(s.credit, time.Duration(s.share*float64(burst)))
		s.looked, s.used = t, cpu
		exceeded = s.credit < 0
	}
	if s.window > 0 && memory > s.window {
		exceeded, s.forMemory = true, true
	}
	if exceeded && !s.shedding {
		s.since = t
	}
	if !exceeded && s.shedding {
		s.before += t.Sub(s.since)
	}
	s.shedding = exceeded
	return exceeded
}

// obey sheds what is too much.
func (s *shedder) obey(t time.Time) error {
	if s.share == 0 && s.window == 0 {
		return nil
	}
	before := s.shedding
	var cpu time.Duration
	if s.share > 0 {
		cpu = cpuTime()
	}
	if s.exceeded(t, cpu, s.memory()) == before {
		return nil
	}
	if err := s.shed(s.shedding); err != nil {
		return fmt.Errorf("shedding the bulk families: %w", err)
	}
	return nil
}

// notes say what was shed, for people.
func (s *shedder) notes(t time.Time, words Wording) (notes []string) {
	shed := s.before
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
