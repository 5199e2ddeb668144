//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"os"
	"slices"
)

// A schedule says what a flight recorder is to dump, and when. It is the drain's. Times are ns since the Unix epoch.
type schedule struct {
	now       func() int64
	last      int64 // ns that are kept, before what is dumped for
	after     int64 // ns that are recorded after it
	asked     <-chan os.Signal
	hits      *hits
	condition string // of the trigger
	atEnd     bool   // also when the recording has failed

	pending []*request // one for a signal, one for the trigger
	covered int        // generations up to it are in a dump for the trigger
	until   int64      // that dump's end
}

// detectionTime is within which time an event has set off its trigger, ns: it waits for its batch, and for its lane.
const detectionTime = 2e9

func newSchedule(cfg *Config, hits *hits, now func() int64) *schedule {
	s := &schedule{
		now: now, last: int64(cfg.Last), after: int64(cfg.After), asked: cfg.RequestDump, hits: hits,
		atEnd: cfg.InMemory,
	}
	if cfg.Trigger != nil {
		s.condition = cfg.Trigger.source
	}
	return s
}

// due gives what is to be dumped now; it is asked after each sweep. covering is the generation that would be its last.
func (s *schedule) due(covering int) []*request {
	if s == nil {
		return nil
	}
	s.listen()
	if len(s.pending) == 0 {
		return nil
	}
	return s.take(s.now(), covering, false)
}

// take gives what is due at t, or all.
func (s *schedule) take(t int64, covering int, all bool) (requests []*request) {
	s.pending = slices.DeleteFunc(s.pending, func(q *request) bool {
		if !all && t < q.due {
			return false
		}
		if q.condition != "" {
			s.covered, s.until = covering, t
		}
		requests = append(requests, q)
		return true
	})
	return requests
}

// listen takes the signals and the hits of the trigger since the last time.
func (s *schedule) listen() {
	select {
	case <-s.asked:
		at := s.now()
		s.ask(request{reason: "sigusr2", at: at, due: at + s.after})
	default:
	}
	h, ok := s.hits.take(s.covered)
	if !ok {
		return
	}
	// Dumps for a trigger that fires again and again follow upon each other without a gap, and do not overlap more than
	// they must.
	due := max(h.ended+s.after, s.until+s.last)
	s.ask(request{reason: "trigger", condition: s.condition, at: h.at, due: due, more: h.rows - 1})
}

// ask schedules a dump, or adds to one that is pending for the same reason.
func (s *schedule) ask(q request) {
	q.since = q.at - s.last
	for _, p := range s.pending {
		if p.reason == q.reason {
			p.since, p.more = min(p.since, q.since), p.more+q.more+1
			return
		}
	}
	s.pending = append(s.pending, &q)
}

// needed is from when on the window must be kept that ends at to.
func (s *schedule) needed(to int64) int64 {
	since := to - s.last - s.after - detectionTime
	for _, q := range s.pending {
		since = min(since, q.since)
	}
	return since
}

// finish gives what is dumped when the recording ends: what is still waited for, and the window. Without whole that
// stays where it is.
func (s *schedule) finish(covering int, whole bool) []*request {
	t := s.now()
	s.listen()
	requests := s.take(t, covering, true)
	if whole || s.atEnd {
		requests = append(requests, &request{reason: "end", at: t, since: t - s.last})
	}
	return requests
}
