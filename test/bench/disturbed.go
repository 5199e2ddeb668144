//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"
)

// Reasons why a run is disturbed by something else; the page explains them.
const (
	// The work alone, run right before and after, took more than slowerThan times the least that it took in the whole
	// measurement. Whatever shares a core with the work makes it slower, and not by the same factor for each side.
	slowAlone = "the work alone was slow"
	// Others had programs attached where ours are attached.
	othersTracing = "others traced system calls"
	// Others took more than crowdedFrom of all CPUs.
	othersBusy = "others took CPUs"
)

const (
	slowerThan  = 1.15
	crowdedFrom = 0.10
	// A disturbed run is repeated, up to so many runs in all and as long as patience lasts. If the last one is
	// disturbed too it is left out.
	tries = 3
)

// disturbance returns why a run of w is disturbed, "" if it is not.
func (r *trial) disturbance(w *work) string {
	switch {
	case r.slowestPlain() > slowerThan*w.fastest:
		return slowAlone
	case r.OtherPrograms > 0:
		return othersTracing
	case r.OtherCPU > crowdedFrom:
		return othersBusy
	}
	return ""
}

// slowestPlain returns the time of the slowest run without a recorder, in ns a call; 0 if there is none.
func (r *trial) slowestPlain() (slower float64) {
	for i := range r.Plain {
		slower = max(slower, r.Plain[i].perCall())
	}
	return slower
}

// measureUndisturbed measures, and measures again while the run is disturbed and patience lasts.
func (b *bench) measureUndisturbed(ctx context.Context, s *side, w *work) (*trial, error) {
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
		if r.disturbance(w) == "" || try+1 == tries || !b.spendPatience(time.Since(begun)) {
			return r, nil
		}
	}
}

// spendPatience subtracts d from the time for waiting for others and repeating runs, and reports whether any is left.
func (b *bench) spendPatience(d time.Duration) bool {
	b.patience -= d
	return b.patience > 0
}

// markDisturbed sets Disturbed of all runs. It is called in the end, when the least time of each work alone is known.
func (a results) markDisturbed(all []*work) {
	for _, w := range all {
		for _, trials := range a.Works[w.name] {
			for _, r := range trials {
				r.Disturbed = r.disturbance(w)
			}
		}
	}
}
