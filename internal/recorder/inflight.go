//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// inFlight lists what is in flight when a dump is made, while the recording goes on. These rows are only in the dump:
// in the recording the same calls get their rows when they return.
type inFlight struct {
	session  Session
	gatherer *gatherer
	sweep    func() error
}

// list returns the calls in flight at the end of a generation and the open connections, with the rows of dimensions
// that they refer to; notes say what could not be listed. It sweeps after listing: what ends meanwhile then has its own
// row in the generation, and what has just been announced is known.
func (f *inFlight) list(generation int) (own []*format.Batch, notes []string, err error) {
	byTable := make(map[*format.Schema]*format.Batch)
	// A task whose call has waited for long may have been forgotten, or not yet be announced in this epoch.
	if err = f.session.Announce(f.gatherer.emit); err == nil {
		err = f.session.InFlight(func(l *bpf.Layout, recs bpf.Records, cpu int32) error {
			b := byTable[l.Schema]
			if b == nil {
				b = format.NewBatch(l.Schema)
				b.Generation = generation + format.InFlightSegments
				byTable[l.Schema], own = b, append(own, b)
			}
			l.Gather(b, recs, cpu, f.gatherer.wall)
			return nil
		})
	}
	if err != nil { // the recording goes on, and so does the dump
		why := err.Error()
		if errors.Is(err, bpf.ErrNoIterator) {
			why = "this kernel lists that only a few times"
		}
		own, notes = nil, []string{"what was in flight at its end is not in it: " + why}
	}
	if err := f.sweep(); err != nil {
		return nil, nil, err
	}
	return append(f.gatherer.dimensions.rowsFor(own), own...), notes, nil
}
