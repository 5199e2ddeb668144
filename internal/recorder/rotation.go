//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// A rotation is the drain's part of rotating: it decides when a generation ends and what belongs to it. The keeper does
// the rest.
type rotation struct {
	gatherer        *gatherer
	accounts        *accounts
	lanes           *lanes
	keeper          *keeper
	schedule        *schedule          // nil: not a flight recorder
	setEpoch        func(uint32) error // begins an epoch, in which the BPF programs announce every id again
	generationBytes func(int) int64    // bytes written of a generation
	batches         func(int) int      // of the table that has the most of a generation
	history         func() history
	inFlight        *inFlight
	verifies        bool // an end of a process may have no row
	openConnections func(bpf.Emit) error
	processes       func(bpf.Emit) error // of Session

	maxBytes   int64         // of a generation; 0: no limit
	maxAge     time.Duration // of a generation; 0: no limit
	maxBatches int           // of a table in a generation
	early      bool          // maxBatches has ended a generation

	started time.Time // when the current generation began
	start   int64     // the same, monotonic ns

	// A generation is one epoch, or several if there is no more room for what is announced in one.
	epoch         uint32      // the current one
	epochStart    int64       // when it began, monotonic ns
	previousEpoch int64       // when the epoch before began, monotonic ns
	closingEpoch  bool        // rows that events of the epoch before refer to may be missing
	closing       *generation // the generation before, while that epoch was its last one; else nil
	closeAfter    uint64      // the value of sweeps.complete from which the epoch can be closed

	listed   bool // the current generation has the snapshot of processes that it begins with
	unlisted bool // a generation has no snapshot of connections
}

const (
	// windowGenerations is how many generations make up a window. One more is kept, the one being written.
	windowGenerations = 8
	minGenerationTime = time.Second
	// maxWindowGenerations is how many generations of maxBytes a window has at most.
	maxWindowGenerations = 1 << 10
	// maxUnfinished is how many generations the lanes may still be writing when a new one begins.
	maxUnfinished = 8
)

// limit sets maxBytes, maxAge and maxBatches.
func (r *rotation) limit(cfg *Config, budget *Budget) {
	r.maxBytes, r.maxAge, r.maxBatches = cfg.SegmentBytes, cfg.SegmentTime, budget.batches
	if part := budget.window / windowGenerations; part > 0 && (r.maxBytes == 0 || part < r.maxBytes) {
		r.maxBytes = part
	}
	if cfg.flight() {
		part := max(cfg.Last/windowGenerations, minGenerationTime)
		if r.maxAge == 0 || part < r.maxAge {
			r.maxAge = part
		}
	}
}

// begin begins the first generation.
func (r *rotation) begin() {
	t := monotonic()
	r.started, r.start, r.listed = time.Now(), t, true // Recorder.Start lists the processes
	r.epochStart, r.previousEpoch = t, t
}

// rotate is called after each sweep. It closes the epoch before, if there is one to close; else it ends the current
// generation if a limit is reached or a dump is due, or the current epoch if there is no more room for it.
func (r *rotation) rotate(t time.Time) error {
	if !r.listed {
		if err := r.listProcesses(); err != nil {
			return err
		}
	}
	if r.closingEpoch {
		if r.lanes.sweeps.complete >= r.closeAfter {
			r.closePrevious()
		}
		return nil
	}
	if r.keeper.unfinished.Load() < maxUnfinished {
		dumps := r.schedule.due(r.lanes.generation)
		if len(dumps) > 0 || r.limitReached(t) {
			return r.next(t, dumps)
		}
	}
	if r.gatherer.crowded() {
		r.gatherer.sendAll()
		return r.nextEpoch()
	}
	return nil
}

// nextEpoch begins an epoch. An event may refer to a row that was announced in another ring just after that ring was
// swept; the next complete sweep certainly finds it.
func (r *rotation) nextEpoch() error {
	r.epoch++
	r.epochStart, r.previousEpoch = monotonic(), r.epochStart
	r.closingEpoch, r.closeAfter = true, r.lanes.sweeps.complete+1
	r.gatherer.dimensions.beginGeneration(r.lanes.generation)
	if err := r.setEpoch(r.epoch); err != nil {
		return fmt.Errorf("announcing everything again: %w", err)
	}
	return nil
}

// limitReached reports whether the current generation has reached a limit. A window has no more than so many, whatever
// their size.
func (r *rotation) limitReached(t time.Time) bool {
	if r.batches(r.lanes.generation) >= r.maxBatches {
		r.early = true
		return true
	}
	large := r.maxBytes > 0 && r.generationBytes(r.lanes.generation) >= r.maxBytes
	if r.schedule != nil && r.keeper.held.Load() >= maxWindowGenerations {
		large = false
	}
	return large || r.maxAge > 0 && t.Sub(r.started) >= r.maxAge
}

// next begins a new generation. Everything swept so far belongs to the one before.
func (r *rotation) next(t time.Time, dumps []*dumpRequest) error {
	var own []*format.Batch
	var lacking []string
	if len(dumps) > 0 {
		var err error
		if own, lacking, err = r.inFlight.list(r.lanes.generation); err != nil {
			return err
		}
	}
	g := r.endGeneration(dumps)
	if r.unlisted {
		lacking = append(lacking,
			"connections that were open before may be missing: this kernel lists them only a few times")
	}
	g.inFlight, g.lacking = own, lacking
	r.lanes.generation++
	r.started = t
	r.start = monotonic()
	if r.gatherer.dimensions == nil {
		r.keeper.finishAfterLanes(g, r.lanes)
		return nil
	}
	r.closing, r.listed = g, false
	if err := r.nextEpoch(); err != nil {
		return err
	}
	if err := r.listProcesses(); err != nil {
		return err
	}
	return r.listConnections()
}

// listConnections adds the open connections to the beginning of the current generation. They are no events: they do not
// count, and triggers do not look at them. Without a free batch they are counted as lost.
func (r *rotation) listConnections() error {
	t := r.gatherer.table("tcp")
	if t == nil {
		return nil
	}
	r.gatherer.send(t)
	r.lanes.quiet = true
	lost := int64(0)
	err := r.openConnections(func(l *bpf.Layout, recs bpf.Records, cpu int32) error {
		err := r.gatherer.gather(l, recs, cpu, false)
		if errors.Is(err, bpf.ErrNoRoom) {
			t.received += int64(recs.Len())
			lost += int64(recs.Len())
			return nil
		}
		return err
	})
	r.gatherer.send(t)
	r.lanes.quiet = false
	if lost > 0 {
		r.accounts.add("tcp", -1, r.start, monotonic(), lost)
	}
	if errors.Is(err, bpf.ErrNoIterator) {
		r.unlisted, err = true, nil
	}
	return err
}

// listProcesses begins the current generation with the processes that ran at the last sweep. Without a free batch it is
// called again after the next one. If the kernel does not list them again, it is not known what they have used.
func (r *rotation) listProcesses() error {
	if r.gatherer.living == nil {
		r.listed = true
		return nil
	}
	used, err := r.gatherer.listUsed(r.processes)
	if err != nil && !errors.Is(err, bpf.ErrNoIterator) {
		return err
	}
	if r.verifies || r.gatherer.living.unsure > 0 || r.accounts.total["process"] > 0 {
		r.gatherer.living.verify()
	}
	r.listed = r.gatherer.snapshotLiving(r.lanes.sweeps.began+r.gatherer.wall, used)
	return nil
}

// endGeneration sends what was gathered of the current generation to the lanes. dumps are made when it is finished.
func (r *rotation) endGeneration(dumps []*dumpRequest) *generation {
	r.gatherer.sendAll()
	r.accounts.closeIntervals()
	r.accounts.send()
	wall := r.gatherer.wall
	g := &generation{
		number: r.lanes.generation, from: r.start + wall, to: monotonic() + wall, dumps: dumps,
		history: r.history(),
	}
	if r.schedule != nil {
		g.dropBefore = r.schedule.dropBefore(g.to)
	}
	return g
}

// closePrevious closes the epoch before. Each row that its events refer to was announced by now, or is lost.
func (r *rotation) closePrevious() {
	dimensions := r.gatherer.dimensions
	now := monotonic()
	if !dimensions.addKnownRows(now) {
		return // no free batch; tried again after the next sweep
	}
	dimensions.send()
	r.countMissing(r.previousEpoch, r.epochStart)
	dimensions.closeGeneration()
	if r.closing != nil {
		r.keeper.finishAfterLanes(r.closing, r.lanes)
	}
	r.closingEpoch, r.closing = false, nil
	if dimensions.addKnownRows(now) {
		dimensions.forget(r.previousEpoch, now)
		if living := r.gatherer.living; living != nil {
			living.forget(r.previousEpoch + living.wall)
		}
	}
}

// countMissing counts the missing rows of the oldest open generation as lost. from and until are monotonic ns.
func (r *rotation) countMissing(from, until int64) {
	for table, n := range r.gatherer.dimensions.missing() {
		r.accounts.add(table, -1, from, until, n)
	}
}

// finish ends the last generation, with the dumps that are still to be made. succeeded: nothing has failed so far.
func (r *rotation) finish(succeeded bool) {
	if dimensions := r.gatherer.dimensions; dimensions != nil {
		if r.closingEpoch {
			r.closePrevious()
		}
		// Nothing more will be announced: rows that are missing now are lost.
		r.gatherer.sendAll()
		now := monotonic()
		dimensions.addKnownRows(now)
		r.countMissing(r.epochStart, now)
	}
	if r.schedule != nil {
		r.gatherer.sendAll()
		r.lanes.waitIdle() // so that the loss table, which is sent next, has what they refuse
		r.keeper.finishAfterLanes(r.endGeneration(r.schedule.finish(r.lanes.generation, succeeded)), r.lanes)
	}
}
