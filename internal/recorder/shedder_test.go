//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"strings"
	"testing"
	"time"
)

// It sheds while more CPU time than allowed was used, and no longer.
func TestSheddingFollowsTheLimit(t *testing.T) {
	started := time.Unix(0, 0)
	s := &shedder{share: 0.5, updated: started}
	at, cpu := started, time.Duration(0)
	run := func(d time.Duration, share float64) (shed time.Duration) {
		for range d / time.Millisecond {
			at, cpu = at.Add(time.Millisecond), cpu+time.Duration(share*float64(time.Millisecond))
			if s.update(at, cpu, 0) {
				shed += time.Millisecond
			}
		}
		return shed
	}
	if shed := run(10*time.Second, 0.4); shed != 0 {
		t.Errorf("below the limit it shed for %v", shed)
	}
	if shed := run(600*time.Millisecond, 1); shed != 0 {
		t.Errorf("in a burst it shed for %v", shed)
	}
	if shed := run(2*time.Second, 1); shed < 1500*time.Millisecond {
		t.Errorf("at twice the limit for 2 s it shed for only %v", shed)
	}
	// One second at twice the limit takes one idle second to recover from.
	if shed := run(5*time.Second, 0); shed < 500*time.Millisecond || shed > 2*time.Second {
		t.Errorf("it shed for %v when idle after that", shed)
	}
	notes := s.notes(at, Wording{MaxCPU: "--max-cpu 50%"})
	if len(notes) != 1 || !strings.Contains(notes[0], "because of --max-cpu 50%") {
		t.Errorf("notes: %v", notes)
	}

	s = &shedder{window: 100}
	if s.update(at, 0, 100) || !s.update(at, 0, 101) || s.update(at.Add(time.Second), 0, 90) ||
		s.earlier != time.Second {
		t.Errorf("shedding for memory: %+v", s)
	}
}
