//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"sync"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
)

// A keeper finishes the generations that both lanes are past, makes what dumps were asked for, and drops those that are
// too old. It has a goroutine of its own: a dump may take long, and neither the drain nor the lanes wait for it.
type keeper struct {
	w       *format.Writer
	dumper  *dumper     // nil: it is no flight recorder
	keep    int         // generations, with the one being written; 0: no limit
	window  int64       // bytes of segments in memory; 0: no limit
	short   atomic.Bool // generations went before their time because of it
	in      chan *generation
	behind  atomic.Int32 // generations that the lanes have been told of and are not past
	running sync.WaitGroup
	failed  failure
	kept    []*generation // finished, the oldest first
}

func startKeeper(w *format.Writer, dumper *dumper, keep int, window int64) *keeper {
	// A lane waits, and events are lost and counted, when a dump takes longer than so many generations.
	k := &keeper{w: w, dumper: dumper, keep: keep, window: window, in: make(chan *generation, 64)}
	k.running.Go(func() {
		for g := range k.in {
			if err := k.take(g); err != nil {
				k.failed.set(err)
			}
		}
	})
	return k
}

// expect has the lanes tell when they are past a generation.
func (k *keeper) expect(g *generation, lanes *lanes) {
	g.lanes.Store(2)
	k.behind.Add(1)
	lanes.call(func() { k.past(g) })
}

// past is called by a lane that is past the generation.
func (k *keeper) past(g *generation) {
	if g.lanes.Add(-1) == 0 {
		k.behind.Add(-1)
		k.in <- g
	}
}

func (k *keeper) take(g *generation) error {
	if err := k.w.Finish(g.number); err != nil {
		return err
	}
	k.kept = append(k.kept, g)
	for _, q := range g.dumps {
		k.dumper.dump(q, k.since(q.since), g)
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

// since is the oldest generation that has anything from t on (ns since the Unix epoch), the newest if none has.
func (k *keeper) since(t int64) *generation {
	for _, g := range k.kept {
		if g.to >= t {
			return g
		}
	}
	return k.kept[len(k.kept)-1]
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
