//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"slices"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A reporter fills in manifests and results.
type reporter struct {
	cfg      *Config
	w        *format.Writer
	machine  *machine
	codec    *codecPolicy
	shedder  *shedder
	gatherer *gatherer
	accounts *accounts
	keeper   *keeper   // nil: it does not rotate
	rotation *rotation // the same
	tables   []string  // names of the recorded tables
	notes    []string  // about the start
}

// history is the history up to now.
func (r *reporter) history() history {
	h := history{clocks: r.machine.clocks.kept, changes: r.machine.changes.kept}
	h.notes = slices.Concat(r.notes, r.machine.clocks.note("readings of the clock"),
		r.machine.changes.note("changes of the machine"), r.gatherer.living.notes())
	if r.codec.reduced {
		h.notes = append(h.notes, "compression was reduced for a while because the rings filled up")
	}
	words := r.cfg.Wording
	h.notes = append(h.notes, r.shedder.notes(time.Now(), words)...)
	if r.keeper != nil && r.keeper.shortened.Load() {
		h.notes = append(h.notes, "the window is shorter than "+words.Last+" because of "+words.MaxMemory)
	}
	if r.rotation != nil && r.rotation.early {
		h.notes = append(h.notes, fmt.Sprintf("generations ended early, when a table had %d batches in one",
			r.rotation.maxBatches))
	}
	if r.gatherer.rowsLeft == 0 {
		h.notes = append(h.notes, fmt.Sprintf("stopped after %d events", r.cfg.MaxRows))
	}
	return h
}

// complete fills in the manifest at the end of the recording.
func (r *reporter) complete(m *format.Manifest) {
	m.End = time.Unix(0, r.machine.unixNow()).UTC()
	r.history().writeTo(m, r.tables)
	lost := r.accounts.lost()
	if r.cfg.drops() { // the losses of dropped generations do not count; the tables have those of the others
		lost = make(map[string]int64)
		for name, info := range m.Tables {
			lost[name] = info.Lost
		}
		r.accounts.addUnwritten(lost)
	}
	for name, lost := range lost {
		info := m.Tables[name]
		info.Lost = lost
		m.Tables[name] = info
	}
	if r.kept(m) != nil {
		all := r.all(m.End)
		m.Notes = append(m.Notes, fmt.Sprintf("what is kept are the newest of %d events (%d lost) since %s",
			all.Rows, all.Lost, all.Start.Format(time.RFC3339)))
	}
}

// all is the whole recording, including dropped generations.
func (r *reporter) all(end time.Time) Part {
	return Part{
		Start: r.machine.startTime(), End: end, Rows: r.accounts.counts.rows.Load(), Lost: r.accounts.lostTotal(),
		Bytes: r.w.Written(),
	}
}

// kept is the part of the recording that the manifest describes; nil if that is all of it.
func (r *reporter) kept(m *format.Manifest) *Part {
	if !r.cfg.drops() || !m.Start.After(r.machine.startTime()) {
		return nil
	}
	p := Part{Start: m.Start, End: m.End}
	for name, info := range m.Tables {
		if isEvent(name) {
			p.Rows += info.Rows
		}
		p.Lost += info.Lost
		p.Bytes += info.Bytes
	}
	return &p
}
