//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"strings"
	"testing"
	"time"
)

// It sheds while it has used more than its share, and no longer.
func TestSheddingFollowsTheLimit(t *testing.T) {
	begun := time.Unix(0, 0)
	s := &shedder{share: 0.5, looked: begun}
	at, cpu := begun, time.Duration(0)
	run := func(d time.Duration, share float64) (shed time.Duration) {
		for range d / time.Millisecond {
			at, cpu = at.Add(time.Millisecond), cpu+time.Duration(share*float64(time.Millisecond))
			if s.exceeded(at, cpu, 0) {
				shed += time.Millisecond
			}
		}
		return shed
	}
	if shed := run(10*time.Second, 0.4); shed != 0 {
		t.Errorf("below its share it shed for %v", shed)
	}
	if shed := run(600*time.Millisecond, 1); shed != 0 {
		t.Errorf("in a burst it shed for %v", shed)
	}
	if shed := run(2*time.Second, 1); shed < 1500*time.Millisecond {
		t.Errorf("twice its share for 2 s: it shed for %v only", shed)
	}
	// One second at twice the share is made up for by one second at nothing, not by more.
	if shed := run(5*time.Second, 0); shed < 500*time.Millisecond || shed > 2*time.Second {
		t.Errorf("it shed for %v after it", shed)
	}
	notes := s.notes(at, Wording{MaxCPU: "--max-cpu 50%"})
	if len(notes) != 1 || !strings.Contains(notes[0], "because of --max-cpu 50%") {
		t.Errorf("notes: %v", notes)
	}

	s = &shedder{window: 100}
	if s.exceeded(at, 0, 100) || !s.exceeded(at, 0, 101) || s.exceeded(at.Add(time.Second), 0, 90) ||
		s.before != time.Second {
		t.Errorf("shedding for memory: %+v", s)
	}
}
