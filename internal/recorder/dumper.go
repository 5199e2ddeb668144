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

// A dumper makes dumps. It is the keeper's.
type dumper struct {
	dir      string
	keep     int      // dumps; 0: all
	there    []string // their names, in any order
	recorded []string // tables
	w        *format.Writer
	observer Observer
	made     []Dump
	failed   []error
}

// dump makes one of the generations from first to last. A failure is told to the observer and kept; the
// recording goes on.
func (d *dumper) dump(q *request, first, last *generation) {
	var m format.Manifest
	var path string
	at := time.Unix(0, q.at)
	for {
		path = filepath.Join(d.dir, dumpName(at, q.reason))
		err := d.w.Dump(path, first.number, last.number, func(draft *format.Manifest) {
			last.history.write(draft, d.recorded)
			draft.Dump = &format.Dump{Reason: q.reason, TS: time.Unix(0, q.at).UTC(), Condition: q.condition}
			if q.more > 0 {
				note := fmt.Sprintf("%d more that it could have been dumped for are in it", q.more)
				draft.Notes = append(draft.Notes, note)
			}
			m = *draft
		})
		if err == nil {
			break
		}
		if errors.Is(err, fs.ErrExist) { // two in one millisecond
			at = at.Add(time.Millisecond)
			continue
		}
		d.failed = append(d.failed, err)
		d.observer.DumpFailed(err)
		return
	}
	made := Dump{Path: path, Reason: q.reason, TS: time.Unix(0, q.at).UTC(), Length: m.End.Sub(m.Start)}
	for name, t := range m.Tables {
		if isEvent(name) {
			made.Rows += t.Rows
		}
		made.Bytes += t.Bytes
	}
	d.made = append(d.made, made)
	d.there = append(d.there, filepath.Base(path))
	d.prune()
	d.observer.Dumped(made)
}

// prune removes the oldest dumps until keep are left, those of earlier recorders included. It is called when a newer
// one is complete. One that cannot be removed is told to the observer once, and left.
func (d *dumper) prune() {
	if d.keep == 0 {
		return
	}
	slices.Sort(d.there) // they begin with their time
	left := 0
	for _, name := range d.there {
		if !strings.HasSuffix(name, format.RemovedSuffix) {
			left++
		}
	}
	d.there = slices.DeleteFunc(d.there, func(name string) bool {
		if !strings.HasSuffix(name, format.RemovedSuffix) {
			if left <= d.keep {
				return false
			}
			left--
		}
		err := d.w.Remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.observer.DumpFailed(err)
			return true
		}
		for i := range d.made {
			if filepath.Base(d.made[i].Path) == name {
				d.made[i].Removed = true
			}
		}
		return true
	})
}
