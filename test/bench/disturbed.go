//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"
)

// The rule about runs that something else had a part in; the page states it. A run is disturbed, and why:
const (
	// The work alone, run right before and after, took more than slowerThan times the least that it took in the whole
	// measurement. What shares a core with the work makes all of it slower, and not by as much for each side.
	slow = "the work alone was slow"
	// Others had programs attached where ours are attached.
	beside = "others traced system calls"
	// Others took more than crowdedFrom of all CPUs.
	crowded = "others took CPUs"
)

const (
	slowerThan  = 1.15
	crowdedFrom = 0.10
	// A run that is disturbed is made again until it was made so often, as long as there is patience. What is disturbed
	// then is left out.
	tries = 3
)

// whyDisturbed says why a run of w is disturbed, "" if it is not.
func (r *trial) whyDisturbed(w *work) string {
	switch {
	case r.plainest() > slowerThan*w.fastest:
		return slow
	case r.Beside > 0:
		return beside
	case r.Others > crowdedFrom:
		return crowded
	}
	return ""
}

// plainest is the slower of the runs without a recorder, ns a call; 0 where the work is not run so.
func (r *trial) plainest() (slower float64) {
	for i := range r.Plain {
		slower = max(slower, r.Plain[i].perCall())
	}
	return slower
}

// settled measures, and measures again what was disturbed.
func (b *bench) settled(ctx context.Context, s *side, w *work) (*trial, error) {
	for try := 0; ; try++ {
		begun := time.Now()
		r, err := b.measure(ctx, s, w)
		if err != nil {
			return nil, err
		}
		r.Repeated = try
		for i := range r.Plain {
			if fast := r.Plain[i].perCall(); w.fastest == 0 || fast < w.fastest {
				w.fastest = fast
			}
		}
		if r.whyDisturbed(w) == "" || try+1 == tries || !b.patient(time.Since(begun)) {
			return r, nil
		}
	}
}

// patient takes some time out of what may be spent on waiting for others and on measuring again. False when all is
// spent.
func (b *bench) patient(d time.Duration) bool {
	b.patience -= d
	return b.patience > 0
}

// judgeRuns marks what is disturbed, by what is known in the end: the least time that the work took alone.
func (a results) judgeRuns(all []*work) {
	for _, w := range all {
		for _, trials := range a.Works[w.name] {
			for _, r := range trials {
				r.Disturbed = r.whyDisturbed(w)
			}
		}
	}
}
