//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/term"
)

// results are all runs, by work and side, one for each round. A side that cannot run has none, and Missing says why.
type results struct {
	Works   map[string]map[string][]*trial `json:"works"`
	Rounds  map[string]int                 `json:"rounds"`  // by work
	Missing map[string]string              `json:"missing"` // by side
}

// series is a measurement under way, of all works.
type series struct {
	*bench
	results
	opt      *options
	begun    time.Time
	now      atomic.Pointer[string] // what is being measured
	progress *term.Progress
}

// all measures what the rows need: each work with its sides in turn, beginning with another side each round.
func (b *bench) all(ctx context.Context, opt *options, rows []row) (results, error) {
	s := &series{bench: b, opt: opt, begun: time.Now(),
		results: results{map[string]map[string][]*trial{}, map[string]int{}, map[string]string{}}}
	s.setStatus("")
	s.startProgress()
	defer func() { s.progress.Stop() }()
	all := works(opt, b.dir)
	for _, w := range all {
		var wanted []*side
		for _, candidate := range sides(opt.record) {
			if slices.ContainsFunc(rows, func(r row) bool { return r.wants(w.name, candidate.name) }) {
				wanted = append(wanted, candidate)
			}
		}
		if len(wanted) == 0 {
			continue
		}
		if err := s.measureWork(ctx, w, wanted); err != nil {
			return s.results, err
		}
	}
	s.markDisturbed(all)
	return s.results, nil
}

func (s *series) setStatus(text string) { s.now.Store(&text) }

func (s *series) startProgress() {
	s.progress = term.StartProgress(s.stderr, 0, func(time.Duration) string {
		return term.Duration(time.Since(s.begun).Round(time.Second)) + "  " + *s.now.Load()
	})
}

// measureWork runs all rounds of one work.
func (s *series) measureWork(ctx context.Context, w *work, sides []*side) error {
	s.Works[w.name], s.Rounds[w.name] = map[string][]*trial{}, s.rounds
	if w.once {
		s.Rounds[w.name] = 1
	} else if !w.plain {
		s.setStatus(w.name + ": once to warm up")
		if _, err := s.measure(ctx, &side{name: nothing}, w); err != nil {
			return err
		}
	}
	for round := range s.Rounds[w.name] {
		for i := range sides {
			if err := s.measureSide(ctx, w, sides[(i+round)%len(sides)], round); err != nil {
				return err
			}
		}
	}
	return nil
}

// measureSide runs one side of one work in one round. The failure of another recorder than ours is no error: the side
// is missing then.
func (s *series) measureSide(ctx context.Context, w *work, side *side, round int) error {
	if !s.opt.only.MatchString(side.name) {
		s.Missing[side.name] = "left out"
	} else if why := side.missing(); why != "" {
		s.Missing[side.name] = why
	}
	if s.Missing[side.name] != "" {
		return nil
	}
	s.setStatus(fmt.Sprintf("%s, round %d of %d: %s", w.name, round+1, s.Rounds[w.name], side.name))
	r, err := s.measureUndisturbed(ctx, side, w)
	if err == nil {
		r.Round = round
		s.Works[w.name][side.name] = append(s.Works[w.name][side.name], r)
		return nil
	}
	err = fmt.Errorf("%s, %s: %w", w.name, side.name, err)
	if side.program == "" || side.program == s.opt.record || ctx.Err() != nil {
		return err
	}
	s.Missing[side.name] = "failed"
	s.progress.Stop()
	cli.Warn(s.stderr, "bench", err.Error())
	s.startProgress()
	return nil
}
