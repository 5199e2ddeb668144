//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
)

// A generation is an interval of a rotating recording: the segments of all tables with the same number. It is finished,
// dumped and dropped as a whole.
type generation struct {
	number      int
	from, to    int64        // it has what was swept in this interval, ns since the Unix epoch
	lanesBehind atomic.Int32 // lanes that have not yet written all of it

	dropBefore int64           // flight recorder: generations that ended before may be dropped, ns since the Unix epoch
	dumps      []*dumpRequest  // to be made when it is finished
	history    history         // at its end
	inFlight   []*format.Batch // what was in flight at its end, for its dumps
	lacking    []string        // notes of its dumps on what they lack
}

// A history is what a manifest says about a recording, up to some time, besides the tables.
type history struct {
	clocks  []format.Clock
	changes []format.Change
	notes   []string
}

// writeTo writes the history into a manifest, and adds those of the recorded tables that have no rows.
func (h history) writeTo(m *format.Manifest, tables []string) {
	m.Clock, m.Changes, m.Notes = h.clocks, h.changes, append(m.Notes, h.notes...)
	if m.Tables == nil {
		m.Tables = make(map[string]format.TableInfo)
	}
	for _, name := range tables {
		if _, ok := m.Tables[name]; !ok {
			m.Tables[name] = format.TableInfo{}
		}
	}
}

// A dumpRequest is a dump to be made. Times are ns since the Unix epoch.
type dumpRequest struct {
	reason, condition string // of format.Dump
	ts                int64  // of the event or the signal
	since             int64  // where the dump begins
	due               int64  // when it is made
	merged            int    // further events or signals that this dump is for
}
