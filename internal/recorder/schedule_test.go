//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestSchedule(last, after time.Duration) (s *schedule, asked chan os.Signal) {
	asked = make(chan os.Signal, 1)
	cfg := &Config{Last: last, After: after, RequestDump: asked, Trigger: &Trigger{source: "ret < 0"}}
	return newSchedule(cfg, &hits{}, monotonic), asked
}

// A dump is due when what comes after it has been recorded, and has what came before.
func TestDumpsAreDue(t *testing.T) {
	s, asked := newTestSchedule(10*time.Second, time.Hour)
	asked <- unix.SIGUSR2
	if got := s.due(1); len(got) != 0 {
		t.Fatalf("%+v before the time after it has passed", got[0])
	}
	q := s.pending[0]
	if q.reason != "sigusr2" || q.due-q.at != int64(time.Hour) || q.at-q.since != int64(10*time.Second) {
		t.Errorf("%+v", q)
	}
	if needed := s.needed(q.due + int64(time.Hour)); needed != q.since {
		t.Errorf("the window is kept from %d on, want %d", needed, q.since)
	}
	// A second one meanwhile is served by it; the trigger has a dump of its own.
	asked <- unix.SIGUSR2
	s.hits.put(hit{generation: 1, at: q.at, ended: q.at, rows: 3})
	s.listen()
	if len(s.pending) != 2 || s.pending[0].more != 1 || s.pending[1].reason != "trigger" || s.pending[1].more != 2 {
		t.Errorf("%d are pending: %+v", len(s.pending), s.pending)
	}
	// At the end nothing is waited for.
	all := s.finish(1, true)
	if len(all) != 3 || all[2].reason != "end" || len(s.pending) != 0 {
		t.Errorf("%d dumps at the end, want 3", len(all))
	}
}

// What a trigger fires for is dumped once; when it fires again and again, dumps follow upon each other.
func TestTriggerFiresAgain(t *testing.T) {
	s, _ := newTestSchedule(10*time.Second, 0)
	at := s.now()
	s.hits.put(hit{generation: 4, at: at, ended: at, rows: 1})
	first := s.due(4)
	if len(first) != 1 || first[0].condition != "ret < 0" || first[0].at != at {
		t.Fatalf("%+v", first)
	}
	// Found late in a generation that was dumped.
	s.hits.put(hit{generation: 4, at: at + 1, ended: at + 1, rows: 1})
	if s.due(5); len(s.pending) != 0 {
		t.Error("dumped again for what is in the dump")
	}
	s.hits.put(hit{generation: 5, at: at + 2, ended: at + 2, rows: 1})
	if got := s.due(5); len(got) != 0 || len(s.pending) != 1 {
		t.Fatalf("%d due, %d pending", len(got), len(s.pending))
	}
	if q := s.pending[0]; q.due != s.until+s.last || q.since != at+2-s.last {
		t.Errorf("due %v after the last one, want %v", time.Duration(q.due-s.until), time.Duration(s.last))
	}
}
