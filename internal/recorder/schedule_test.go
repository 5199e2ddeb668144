//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestSchedule(last, after time.Duration) (s *schedule, requests chan os.Signal) {
	requests = make(chan os.Signal, 1)
	cfg := &Config{Last: last, After: after, RequestDump: requests, Trigger: &Trigger{source: "ret < 0"}}
	return newSchedule(cfg, &hits{}, monotonic), requests
}

// A dump is due when Config.After has passed since the signal, and begins Config.Last before it.
func TestDumpIsDue(t *testing.T) {
	s, requests := newTestSchedule(10*time.Second, time.Hour)
	requests <- unix.SIGUSR2
	if got := s.due(1); len(got) != 0 {
		t.Fatalf("%+v is due at once", got[0])
	}
	req := s.pending[0]
	if req.reason != "sigusr2" || req.due-req.ts != int64(time.Hour) || req.ts-req.since != int64(10*time.Second) {
		t.Errorf("%+v", req)
	}
	if begin := s.dropBefore(req.due + int64(time.Hour)); begin != req.since {
		t.Errorf("the window begins at %d, want %d", begin, req.since)
	}
	// A second signal is merged into it; the trigger has a dump of its own.
	requests <- unix.SIGUSR2
	s.hits.put(hit{generation: 1, at: req.ts, end: req.ts, rows: 3})
	s.collect()
	if len(s.pending) != 2 || s.pending[0].merged != 1 || s.pending[1].reason != "trigger" || s.pending[1].merged != 2 {
		t.Errorf("%d are pending: %+v", len(s.pending), s.pending)
	}
	// At the end all pending dumps are made.
	all := s.finish(1, true)
	if len(all) != 3 || all[2].reason != "end" || len(s.pending) != 0 {
		t.Errorf("%d dumps at the end, want 3", len(all))
	}
}

// Each event that matches is dumped once. While events keep matching, dumps follow each other.
func TestTriggerMatchesAgain(t *testing.T) {
	s, _ := newTestSchedule(10*time.Second, 0)
	at := s.now()
	s.hits.put(hit{generation: 4, at: at, end: at, rows: 1})
	first := s.due(4)
	if len(first) != 1 || first[0].condition != "ret < 0" || first[0].ts != at {
		t.Fatalf("%+v", first)
	}
	// A match that is found later, in a generation that was dumped.
	s.hits.put(hit{generation: 4, at: at + 1, end: at + 1, rows: 1})
	if s.due(5); len(s.pending) != 0 {
		t.Error("another dump for an event that is in the first one")
	}
	s.hits.put(hit{generation: 5, at: at + 2, end: at + 2, rows: 1})
	if got := s.due(5); len(got) != 0 || len(s.pending) != 1 {
		t.Fatalf("%d due, %d pending", len(got), len(s.pending))
	}
	if req := s.pending[0]; req.due != s.coveredUntil+s.last || req.since != at+2-s.last {
		t.Errorf("due %v after the last one, want %v", time.Duration(req.due-s.coveredUntil), time.Duration(s.last))
	}
}
