//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A dumper makes and removes dumps. Only the keeper's goroutine uses it.
type dumper struct {
	dir      string
	keep     int      // number of dumps to keep; 0: all
	existing []string // names of the dumps in dir, in any order; without keep those that were there before
	tables   []string // names of the recorded tables
	w        *format.Writer
	observer Observer
	dumps    []Dump // made so far, the newest maxDumps
	made     int    // how many
	failed   int    // how many failed
	err      error  // the first failure
}

// maxDumps is how many of the dumps that it has made a recorder tells of at its end.
const maxDumps = 1 << 12

// dump makes a dump of the generations first to last. A failure is reported to the observer and counted; the
// recording continues.
func (d *dumper) dump(req *dumpRequest, first, last *generation) {
	var m format.Manifest
	var path string
	at := time.Unix(0, req.ts)
	for {
		path = filepath.Join(d.dir, dumpName(at, req.reason))
		err := d.w.Dump(path, first.number, last.number, func(draft *format.Manifest) {
			last.history.writeTo(draft, d.tables)
			draft.Dump = &format.Dump{Reason: req.reason, TS: time.Unix(0, req.ts).UTC(), Condition: req.condition}
			if req.merged > 0 {
				note := fmt.Sprintf("%d more signals or matching events are in this dump", req.merged)
				draft.Notes = append(draft.Notes, note)
			}
			draft.Notes = append(draft.Notes, last.lacking...)
			m = *draft
		}, last.inFlight...)
		if err == nil {
			break
		}
		if errors.Is(err, fs.ErrExist) { // another dump has the same millisecond in its name
			at = at.Add(time.Millisecond)
			continue
		}
		d.failed++
		if d.err == nil {
			d.err = err
		}
		d.observer.DumpFailed(err)
		return
	}
	dump := Dump{Path: path, Reason: req.reason, TS: time.Unix(0, req.ts).UTC(), Length: m.End.Sub(m.Start)}
	for name, t := range m.Tables {
		if isEvent(name) {
			dump.Rows += t.Rows
		}
		dump.Bytes += t.Bytes
	}
	d.made++
	if len(d.dumps) == maxDumps {
		d.dumps = slices.Delete(d.dumps, 0, 1)
	}
	d.dumps = append(d.dumps, dump)
	if d.keep > 0 {
		d.existing = append(d.existing, filepath.Base(path))
		d.prune()
	}
	d.observer.Dumped(dump)
}

// prune removes the oldest dumps until keep are left, including those of earlier recorders. It is called when a newer
// dump is complete. A dump that cannot be removed is reported to the observer once, and left there.
func (d *dumper) prune() {
	slices.Sort(d.existing) // the names begin with the time
	kept := 0
	for _, name := range d.existing {
		if !strings.HasSuffix(name, format.RemovedSuffix) {
			kept++
		}
	}
	d.existing = slices.DeleteFunc(d.existing, func(name string) bool {
		if !strings.HasSuffix(name, format.RemovedSuffix) {
			if kept <= d.keep {
				return false
			}
			kept--
		}
		err := d.w.RemoveDump(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.observer.DumpFailed(err)
			return true
		}
		for i := range d.dumps {
			if filepath.Base(d.dumps[i].Path) == name {
				d.dumps[i].Removed = true
			}
		}
		return true
	})
}
