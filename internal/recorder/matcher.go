//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// A matcher evaluates a trigger on the batches of one lane.
type matcher struct {
	trigger    *Trigger
	env        triggerEnv
	calls      *syscalls.Table
	hits       *hits
	sweeps     *sweeps
	bound      map[string]*filter.Bound // by table; for one generation
	generation int                      // of bound
	selection  filter.Selection         // reused
}

func newMatcher(t *Trigger, dims *dimensions, calls *syscalls.Table, found *hits, sweeps *sweeps) *matcher {
	return &matcher{trigger: t, env: triggerEnv{dimension: dims.byName}, calls: calls, hits: found, sweeps: sweeps}
}

// inspect adds the matching rows of a batch to the hits. sweepCount is the number of sweeps when the batch was sent.
func (m *matcher) inspect(b *format.Batch, sweepCount uint64) error {
	if !slices.Contains(m.trigger.tables, b.Schema.Table) {
		return nil
	}
	if m.bound == nil || m.generation != b.Generation {
		// Bound filters cache results by task. New ones for each generation limit the cache.
		m.bound, m.generation = make(map[string]*filter.Bound), b.Generation
	}
	bound := m.bound[b.Schema.Table]
	if bound == nil {
		var err error
		env := &filter.Env{Dimensions: &m.env, CallName: m.calls.Name}
		if bound, err = m.trigger.program.Bind(b.Schema, env); err != nil {
			return err
		}
		m.bound[b.Schema.Table] = bound
	}
	m.env.unknownID = false
	m.selection = bound.Match(b, m.selection)
	if m.env.unknownID {
		// A row refers to a task whose announcement was in another ring. The next sweep finds it.
		for m.sweeps.count.Load() <= sweepCount+1 && !m.sweeps.done.Load() {
			time.Sleep(time.Millisecond)
		}
		m.selection = bound.Match(b, m.selection)
	}
	if n := m.selection.Count(); n > 0 {
		m.hits.put(firstHit(b, m.selection, n))
	}
	return nil
}

// firstHit is the hit for the selected rows, of which there are n, with the times of the one that began first.
func firstHit(b *format.Batch, rows filter.Selection, n int) hit {
	ts := b.Column("ts").I64
	at := rows.Next(0)
	for i := at; i >= 0; i = rows.Next(i + 1) {
		if ts[i] < ts[at] {
			at = i
		}
	}
	h := hit{generation: b.Generation, at: ts[at], end: ts[at], rows: n}
	begins := schema.Of(b.Schema.Table).BeginOp
	if begins == "*" || begins != "" && b.Column("op").Str.At(at) == begins {
		h.end += max(b.Column("duration_ns").I64[at], 0) // -1 is not known
	}
	return h
}

// A hit is the events of one generation that match a trigger. Times are ns since the Unix epoch.
type hit struct {
	generation int
	at         int64 // when the first of them began
	end        int64 // when that one ended: later than at only for calls
	rows       int
}

func (h *hit) add(other hit) {
	if h.rows == 0 || other.at < h.at {
		h.at, h.end = other.at, other.end
	}
	h.rows += other.rows
}

// hits passes hits from the lanes to the drain.
type hits struct {
	any  atomic.Bool // list is not empty; so that the drain takes no lock at each sweep
	mu   sync.Mutex
	list []hit // at most one for each generation
}

func (h *hits) put(found hit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.any.Store(true)
	for i := range h.list {
		if h.list[i].generation == found.generation {
			h.list[i].add(found)
			return
		}
	}
	h.list = append(h.list, found)
}

// take returns the sum of the hits since the last time, without those in generations up to covered; ok is false if
// there are none.
func (h *hits) take(covered int) (total hit, ok bool) {
	if !h.any.Load() {
		return total, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, found := range h.list {
		if found.generation > covered {
			total.add(found)
		}
	}
	h.list = h.list[:0]
	h.any.Store(false)
	return total, total.rows > 0
}
