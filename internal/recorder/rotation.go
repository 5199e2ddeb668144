//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"time"
)

// A rotation is the drain's part in rotating: when a generation ends, and what belongs to it. The rest is the keeper's.
type rotation struct {
	gatherer *gatherer
	accounts *accounts
	lanes    *lanes
	keeper   *keeper
	schedule *schedule          // nil: it is no flight recorder
	epoch    func(uint32) error // begins one in the programs: what they have announced they announce again
	written  func(int) int64    // bytes of a generation so far
	history  func() history

	size int64         // bytes of a generation; 0: no limit
	span time.Duration // of a generation; 0: no limit

	begun      time.Time   // the current generation
	starts     [2]int64    // monotonic ns: of the current generation, and of the one before
	closing    *generation // the one before, if not all rows that its events refer to have been handed on; nil: none
	closeAfter uint64      // whole sweeps, after which it can be closed
}

const (
	// windowParts is how many generations a window is cut into. It is longer by one than was asked for.
	windowParts = 8
	minSpan     = time.Second
	// maxBehind is how many generations the lanes may be behind before no new one is begun.
	maxBehind = 8
)

// limit says when a generation ends: when it has so many bytes or is so old. window is how many bytes of segments there
// may be in memory; 0: no limit.
func (r *rotation) limit(cfg *Config, window int64) {
	r.size, r.span = cfg.SegmentBytes, cfg.SegmentTime
	if part := window / windowParts; part > 0 && (r.size == 0 || part < r.size) {
		r.size = part
	}
	if cfg.flight() {
		part := max(cfg.Last/windowParts, minSpan)
		if r.span == 0 || part < r.span {
			r.span = part
		}
	}
}

// start begins the first generation.
func (r *rotation) start() {
	t := monotonic()
	r.begun, r.starts = time.Now(), [2]int64{t, t}
}

// rotate ends a generation when it is time to, and closes the one before. It is called after each sweep.
func (r *rotation) rotate(t time.Time) error {
	if r.closing != nil {
		if r.lanes.sweeps.whole >= r.closeAfter {
			r.closePrevious()
		}
		return nil
	}
	if r.keeper.behind.Load() >= maxBehind {
		return nil
	}
	dumps := r.schedule.due(r.lanes.generation)
	if len(dumps) == 0 && !r.full(t) {
		return nil
	}
	return r.begin(t, dumps)
}

// full says whether the current generation has reached a limit.
func (r *rotation) full(t time.Time) bool {
	return r.size > 0 && r.written(r.lanes.generation) >= r.size || r.span > 0 && t.Sub(r.begun) >= r.span
}

// begin begins a new generation. All that was swept belongs to the one before.
func (r *rotation) begin(t time.Time, dumps []*request) error {
	g := r.end(dumps)
	r.lanes.generation++
	r.begun = t
	r.starts = [2]int64{monotonic(), r.starts[0]}
	dimensions := r.gatherer.dimensions
	if dimensions == nil {
		r.keeper.expect(g, r.lanes)
		return nil
	}
	// What one ring's event refers to may have been announced in another one just after that had been swept: only the
	// next sweep has it for sure, if no ring is left early then.
	r.closing, r.closeAfter = g, r.lanes.sweeps.whole+1
	dimensions.begin(r.lanes.generation)
	if err := r.epoch(uint32(r.lanes.generation)); err != nil {
		return fmt.Errorf("beginning a segment: %w", err)
	}
	return nil
}

// end hands on what has been gathered of the current generation.
func (r *rotation) end(dumps []*request) *generation {
	r.gatherer.handAll()
	r.accounts.cut()
	r.accounts.hand()
	wall := r.gatherer.wall
	g := &generation{
		number: r.lanes.generation, from: r.starts[0] + wall, to: monotonic() + wall, dumps: dumps,
		history: r.history(),
	}
	if r.schedule != nil {
		g.needed = r.schedule.needed(g.to)
	}
	return g
}

// closePrevious closes the generation before: each id that its events refer to is known by now, or was lost.
func (r *rotation) closePrevious() {
	dimensions := r.gatherer.dimensions
	at := monotonic()
	if !dimensions.fill(at) {
		return // no empty batch; the next time
	}
	dimensions.hand()
	r.countMissing(r.starts[1], r.starts[0])
	dimensions.close()
	r.keeper.expect(r.closing, r.lanes)
	r.closing = nil
	if dimensions.fill(at) {
		dimensions.forget(r.starts[1], at)
	}
}

// countMissing counts as lost what a generation refers to and nobody announced; its time is monotonic ns.
func (r *rotation) countMissing(from, until int64) {
	for table, n := range r.gatherer.dimensions.missing() {
		r.accounts.add(table, -1, from, until, n)
	}
}

// finish hands on the last generation, with the dumps that were asked for. whole says that nothing has failed.
func (r *rotation) finish(whole bool) {
	if dimensions := r.gatherer.dimensions; dimensions != nil {
		if r.closing != nil {
			r.closePrevious()
		}
		// Nothing more will be announced: what is unknown now is lost.
		r.gatherer.handAll()
		at := monotonic()
		dimensions.fill(at)
		r.countMissing(r.starts[0], at)
	}
	if r.schedule != nil {
		r.gatherer.handAll()
		r.lanes.idle() // what the lanes refuse has its place in the loss table, before that ends too
		r.keeper.expect(r.end(r.schedule.finish(r.lanes.generation, whole)), r.lanes)
	}
}
