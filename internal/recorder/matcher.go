//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"slices"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// A matcher looks for the rows that a trigger holds for, in the batches of one lane.
type matcher struct {
	trigger   *Trigger
	known     environment
	calls     *syscalls.Table
	hits      *hits
	sweeps    *sweeps
	bound     map[string]*filter.Bound // by table; of one generation
	of        int                      // that one
	selection filter.Selection
}

func newMatcher(t *Trigger, known *dimensions, calls *syscalls.Table, found *hits, sweeps *sweeps) *matcher {
	return &matcher{trigger: t, known: environment{dimension: known.named}, calls: calls, hits: found, sweeps: sweeps}
}

// look tells of the rows of a batch that the trigger holds for. swept is how many sweeps there had been when the batch
// was handed on.
func (m *matcher) look(b *format.Batch, swept uint64) error {
	if !slices.Contains(m.trigger.tables, b.Schema.Table) {
		return nil
	}
	if m.bound == nil || m.of != b.Generation {
		// What it remembers of tasks is bounded by a generation.
		m.bound, m.of = make(map[string]*filter.Bound), b.Generation
	}
	bound := m.bound[b.Schema.Table]
	if bound == nil {
		var err error
		env := &filter.Env{Dimensions: &m.known, CallName: m.calls.Name}
		if bound, err = m.trigger.program.Bind(b.Schema, env); err != nil {
			return err
		}
		m.bound[b.Schema.Table] = bound
	}
	m.known.unknown = false
	m.selection = bound.Match(b, m.selection)
	if m.known.unknown {
		// It refers to a task whose announcement another ring had. The next sweep has found it.
		for m.sweeps.count.Load() <= swept+1 && !m.sweeps.done.Load() {
			time.Sleep(time.Millisecond)
		}
		m.selection = bound.Match(b, m.selection)
	}
	if n := m.selection.Count(); n > 0 {
		m.hits.put(firstHit(b, m.selection, n))
	}
	return nil
}

// firstHit is the hit of the row that began first.
func firstHit(b *format.Batch, rows filter.Selection, n int) hit {
	ts := b.Column("ts").I64
	at := rows.Next(0)
	for i := at; i >= 0; i = rows.Next(i + 1) {
		if ts[i] < ts[at] {
			at = i
		}
	}
	h := hit{generation: b.Generation, at: ts[at], ended: ts[at], rows: n}
	begins := schema.Of(b.Schema.Table).BeginOp
	if begins == "*" || begins != "" && b.Column("op").Str.At(at) == begins {
		h.ended += b.Column("duration_ns").I64[at]
	}
	return h
}
