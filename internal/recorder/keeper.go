//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"sync"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
)

// A keeper finishes the generations that all lanes have written, makes the dumps that are due, and drops old
// generations. It has a goroutine of its own, because a dump may take long, and drain and lanes must not wait for it.
type keeper struct {
	w          *format.Writer
	dumper     *dumper     // nil: not a flight recorder
	keep       int         // generations to keep, including the one being written; 0: no limit
	window     int64       // bytes of segments in memory; 0: no limit
	shortened  atomic.Bool // at some time a generation was dropped early because of window
	queue      chan *generation
	unfinished atomic.Int32 // generations that have ended and that the lanes are still writing
	running    sync.WaitGroup
	failed     firstError
	kept       []*generation // finished, the oldest first
	held       atomic.Int32  // how many are in kept
}

func startKeeper(w *format.Writer, dumper *dumper, keep int, window int64) *keeper {
	// If a dump takes longer than 64 generations, a lane blocks on the queue, and events are lost and counted.
	k := &keeper{w: w, dumper: dumper, keep: keep, window: window, queue: make(chan *generation, 64)}
	k.running.Go(func() {
		for g := range k.queue {
			if err := k.finish(g); err != nil {
				k.failed.set(err)
			}
		}
	})
	return k
}

// finishAfterLanes has the keeper finish a generation as soon as all lanes have written what was sent to them so far.
func (k *keeper) finishAfterLanes(g *generation, lanes *lanes) {
	g.lanesBehind.Store(int32(len(lanes.all())))
	k.unfinished.Add(1)
	lanes.callEach(func() { k.laneDone(g) })
}

// laneDone is called by each lane when it has written its part of the generation.
func (k *keeper) laneDone(g *generation) {
	if g.lanesBehind.Add(-1) == 0 {
		k.unfinished.Add(-1)
		k.queue <- g
	}
}

// finish finishes a generation, makes its dumps, and drops those that are no longer needed.
func (k *keeper) finish(g *generation) error {
	if err := k.w.Finish(g.number); err != nil {
		return err
	}
	if k.keep == 0 && k.dumper == nil {
		return nil // nobody asks for it again
	}
	k.kept = append(k.kept, g)
	for _, req := range g.dumps {
		k.dumper.dump(req, k.oldestSince(req.since), g)
	}
	g.inFlight = nil
	for len(k.kept) > 0 && k.mayDrop(k.kept[0], g) {
		n := k.kept[0].number
		k.kept[0], k.kept = nil, k.kept[1:]
		if err := k.w.Drop(n); err != nil {
			return err
		}
	}
	k.held.Store(int32(len(k.kept)))
	return nil
}

// oldestSince is the oldest generation that ended at or after t (ns since the Unix epoch); the newest if none did.
func (k *keeper) oldestSince(t int64) *generation {
	for _, g := range k.kept {
		if g.to >= t {
			return g
		}
	}
	return k.kept[len(k.kept)-1]
}

// mayDrop reports whether the oldest generation is to be dropped when g is finished, because it is too old or the
// window is full.
func (k *keeper) mayDrop(oldest, g *generation) bool {
	if k.keep > 0 && oldest.number <= g.number+1-k.keep || oldest.to < g.dropBefore {
		return true
	}
	full := k.window > 0 && len(k.kept) > 1 && k.w.MemoryBytes() > k.window*3/4
	if full {
		k.shortened.Store(true)
	}
	return full
}

// close ends the keeper when it has finished all generations in the queue.
func (k *keeper) close() {
	close(k.queue)
	k.running.Wait()
}
