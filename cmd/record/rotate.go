// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

// A generation is one stretch of a recording that rotates: the segments of all tables that have its number. It is
// finished, dumped and dropped as a whole.
type generation struct {
	number   int
	from, to int64        // ns since the Unix epoch: what was swept from, until
	lanes    atomic.Int32 // which are not past it
	keeper   *keeper

	needed int64      // what ended before, ns since the Unix epoch, may go; a flight recorder's
	dumps  []*request // to be made when it is finished
	story  story      // as it was at its end
}

// A story is what a manifest tells of a recording until some moment.
type story struct {
	clocks  []format.Clock
	changes []format.Change
	notes   []string
}

// pass is what a lane says when it is past the generation.
func (g *generation) pass() {
	if g.lanes.Add(-1) == 0 {
		g.keeper.behind.Add(-1)
		g.keeper.in <- g
	}
}

// A rotation is the drain's part in rotating: when a generation ends. The rest is the keeper's.
type rotation struct {
	keeper  *keeper
	begun   time.Time   // the generation
	closing *generation // whose events have been handed on, but not all rows they refer to; nil: none
	settled uint64      // sweeps, as in heard, after which it can be closed
	starts  [2]int64    // monotonic ns: of the generation, and of the one before
	size    int64       // bytes of a generation; 0: no limit
}

// maxBehind is how many generations the lanes may be behind before no new one is begun.
const maxBehind = 8

func newRotation(r *recorder) *rotation {
	t := now(unix.CLOCK_MONOTONIC)
	r.generation = 1
	x := &rotation{keeper: newKeeper(r), begun: time.Now(), starts: [2]int64{t, t}, size: int64(r.opt.segmentSize)}
	if part := r.plan.window / windowParts; part > 0 && (x.size == 0 || part < x.size) {
		x.size = part
	}
	return x
}

// settling is the generation that rows of dimensions go into.
func (x *rotation) settling(current int) int {
	if x.closing != nil {
		return x.closing.number
	}
	return current
}

// rotate ends a generation when it is time to, and closes the one before. It is called after each sweep.
func (r *recorder) rotate(t time.Time) error {
	x := r.rotation
	if x.closing != nil {
		if r.heard >= x.settled {
			r.settle()
		}
		return nil
	}
	if x.keeper.behind.Load() >= maxBehind {
		return nil
	}
	dumps := r.flight.due(r.generation)
	age := t.Sub(x.begun)
	if len(dumps) == 0 && (x.size == 0 || r.w.Bytes(r.generation) < x.size) &&
		(r.opt.segmentTime == 0 || age < r.opt.segmentTime.Duration()) && (r.flight == nil || age < r.flight.span) {
		return nil
	}
	return r.turn(t, dumps)
}

// turn begins a new generation. All that was swept belongs to the one before.
func (r *recorder) turn(t time.Time, dumps []*request) error {
	x := r.rotation
	g := r.endGeneration(dumps)
	r.generation++
	x.begun = t
	x.starts = [2]int64{now(unix.CLOCK_MONOTONIC), x.starts[0]}
	if r.names == nil {
		r.pass(g)
		return nil
	}
	// What one ring's event refers to may have been announced in another one just after that had been swept: only the next
	// sweep has it for sure, if no ring is left early then.
	x.closing, x.settled = g, r.heard+1
	r.names.turn()
	if err := r.session.SetEpoch(uint32(r.generation)); err != nil {
		return fmt.Errorf("beginning a segment: %w", err)
	}
	return nil
}

// endGeneration hands on what has been gathered of the current generation.
func (r *recorder) endGeneration(dumps []*request) *generation {
	r.handTables()
	r.losses.cut()
	r.handLosses()
	at := now(unix.CLOCK_MONOTONIC)
	g := &generation{
		number: r.generation, from: r.rotation.starts[0] + r.wall, to: at + r.wall, keeper: r.rotation.keeper, dumps: dumps,
		story: r.story(),
	}
	if r.flight != nil {
		g.needed = r.flight.needed(g.to)
	}
	return g
}

// settle closes a generation: each id that its events refer to is known by now, or was lost.
func (r *recorder) settle() {
	x := r.rotation
	at := now(unix.CLOCK_MONOTONIC)
	if !r.names.fill(r, at) {
		return // no empty batch; the next time
	}
	for _, d := range r.names.all() {
		r.hand(d.table)
	}
	for table, n := range r.names.missing() {
		r.losses.add(table, -1, x.starts[1], x.starts[0], n)
	}
	r.names.settle()
	r.pass(x.closing)
	x.closing = nil
	if r.names.fill(r, at) {
		r.names.forget(x.starts[1], at, r.plan.names)
	}
}

// pass tells both lanes that a generation is over.
func (r *recorder) pass(g *generation) {
	g.lanes.Store(2)
	g.keeper.behind.Add(1)
	r.bulk.in <- job{over: g}
	r.rare.in <- job{over: g}
}

// endRotation hands on the last generation, with the dumps that were asked for. whole says that nothing has failed.
func (r *recorder) endRotation(whole bool) {
	if r.names != nil {
		if r.rotation.closing != nil {
			r.settle()
		}
		// Nothing more will be announced: what is unknown now is lost.
		r.handTables()
		at := now(unix.CLOCK_MONOTONIC)
		r.names.fill(r, at)
		for table, n := range r.names.missing() {
			r.losses.add(table, -1, r.rotation.starts[0], at, n)
		}
	}
	if r.flight != nil {
		r.handTables()
		r.idle() // what the lanes refuse has its place in the loss table, before that ends too
		r.pass(r.endGeneration(r.flight.atEnd(r.generation, whole)))
	}
}

// A keeper finishes the generations that both lanes are past, makes what dumps were asked for, and drops those that
// are too old. It has a goroutine of its own: a dump may take long, and neither the drain nor the lanes wait for it.
type keeper struct {
	w       *format.Writer
	keep    int         // generations, with the one being written; 0: no limit
	window  int64       // bytes of segments in memory; 0: no limit
	short   atomic.Bool // generations went before their time because of it
	dumper  *dumper
	in      chan *generation
	behind  atomic.Int32 // generations that the lanes have been told of and are not past
	running sync.WaitGroup
	failed  atomic.Pointer[error]
	kept    []*generation // finished, the oldest first
}

func newKeeper(r *recorder) *keeper {
	// A lane waits, and events are lost and counted, when a dump takes longer than so many generations.
	k := &keeper{w: r.w, window: r.plan.window, dumper: &r.dumper, in: make(chan *generation, 64)}
	if r.flight == nil {
		k.keep = r.opt.keep
	}
	k.running.Go(func() {
		for g := range k.in {
			if err := k.take(g); err != nil {
				k.failed.CompareAndSwap(nil, &err)
			}
		}
	})
	return k
}

func (k *keeper) take(g *generation) error {
	if err := k.w.Finish(g.number); err != nil {
		return err
	}
	k.kept = append(k.kept, g)
	for _, q := range g.dumps {
		k.dumper.dump(k, q, g)
	}
	for len(k.kept) > 0 && k.tooOld(k.kept[0], g) {
		n := k.kept[0].number
		k.kept = k.kept[1:]
		if err := k.w.Drop(n); err != nil {
			return err
		}
	}
	return nil
}

// tooOld says whether the oldest generation goes now that g is finished.
func (k *keeper) tooOld(oldest, g *generation) bool {
	if k.keep > 0 && oldest.number <= g.number+1-k.keep || oldest.to < g.needed {
		return true
	}
	full := k.window > 0 && len(k.kept) > 1 && k.w.MemoryBytes() > k.window*3/4
	if full {
		k.short.Store(true)
	}
	return full
}

// close waits until all has been done that the lanes passed on.
func (k *keeper) close() {
	close(k.in)
	k.running.Wait()
}
