//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"os"
	"slices"
)

// A schedule decides what a flight recorder dumps, and when. Only the drain uses it. Times are ns since the Unix epoch.
type schedule struct {
	now       func() int64
	last      int64 // how much before an event or a signal a dump begins, ns
	after     int64 // how much after it the dump is made, ns
	requests  <-chan os.Signal
	hits      *hits
	condition string // of the trigger
	atEnd     bool   // dump at the end even if the recording has failed

	pending      []*dumpRequest // at most one for signals and one for the trigger
	covered      int            // generations up to this one are in a dump for the trigger
	coveredUntil int64          // where that dump ends
}

// detectionTime is how long it may take, in ns, until a matching event is detected: its batch is sent after flushEvery
// at the latest, and may wait in the lane. The window is kept longer by this time.
const detectionTime = 2e9

func newSchedule(cfg *Config, hits *hits, now func() int64) *schedule {
	s := &schedule{
		now: now, last: int64(cfg.Last), after: int64(cfg.After), requests: cfg.RequestDump, hits: hits,
		atEnd: cfg.InMemory,
	}
	if cfg.Trigger != nil {
		s.condition = cfg.Trigger.source
	}
	return s
}

// due is called after each sweep, and returns the dumps that are due. generation, the current one, will be their last.
// A nil schedule has none.
func (s *schedule) due(generation int) []*dumpRequest {
	if s == nil {
		return nil
	}
	s.collect()
	if len(s.pending) == 0 {
		return nil
	}
	return s.take(s.now(), generation, false)
}

// take removes and returns the pending requests that are due at t, or all.
func (s *schedule) take(t int64, generation int, all bool) (requests []*dumpRequest) {
	s.pending = slices.DeleteFunc(s.pending, func(req *dumpRequest) bool {
		if !all && t < req.due {
			return false
		}
		if req.condition != "" {
			s.covered, s.coveredUntil = generation, t
		}
		requests = append(requests, req)
		return true
	})
	return requests
}

// collect adds requests for the signals and the trigger's hits since the last call.
func (s *schedule) collect() {
	select {
	case <-s.requests:
		at := s.now()
		s.add(dumpRequest{reason: "sigusr2", ts: at, due: at + s.after})
	default:
	}
	found, ok := s.hits.take(s.covered)
	if !ok {
		return
	}
	// While a trigger keeps matching, its dumps follow each other without gaps, and overlap as little as possible.
	due := max(found.end+s.after, s.coveredUntil+s.last)
	s.add(dumpRequest{reason: "trigger", condition: s.condition, ts: found.at, due: due, merged: found.rows - 1})
}

// add adds a request, or merges it into a pending one with the same reason.
func (s *schedule) add(req dumpRequest) {
	req.since = req.ts - s.last
	for _, p := range s.pending {
		if p.reason == req.reason {
			p.since, p.merged = min(p.since, req.since), p.merged+req.merged+1
			return
		}
	}
	s.pending = append(s.pending, &req)
}

// dropBefore is where the window must begin when its newest generation ends at to: older generations may be dropped.
func (s *schedule) dropBefore(to int64) int64 {
	since := to - s.last - s.after - detectionTime
	for _, req := range s.pending {
		since = min(since, req.since)
	}
	return since
}

// finish returns the dumps to be made when the recording ends: all that are pending, and one of the whole window. If
// the recording has not succeeded, a window on disk is kept instead.
func (s *schedule) finish(generation int, succeeded bool) []*dumpRequest {
	t := s.now()
	s.collect()
	requests := s.take(t, generation, true)
	if succeeded || s.atEnd {
		requests = append(requests, &dumpRequest{reason: "end", ts: t, since: t - s.last})
	}
	return requests
}
