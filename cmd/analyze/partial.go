// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/term"
)

// selected says which rows of the recorded families a capture has, "" if all.
func selected(s *format.Selection) string {
	if s == nil {
		return ""
	}
	var only []string
	if s.Comm != "" {
		only = append(only, "tasks named "+s.Comm)
	}
	if len(s.PIDs) > 0 {
		pids := make([]string, len(s.PIDs))
		for i, pid := range s.PIDs {
			pids[i] = strconv.FormatInt(pid, 10)
		}
		started := ", and what it started"
		if len(pids) > 1 {
			started = ", and what they started"
		}
		only = append(only, "pid "+strings.Join(pids, ", ")+started)
	}
	only = append(only, selectedOwners(s)...)
	only = append(only, selectedCalls(s)...)
	if unknown := s.Unknown(); len(unknown) > 0 {
		only = append(only, "what was selected by "+strings.Join(unknown, ", "))
	}
	return strings.Join(only, "; ")
}

// selectedOwners says of whose tasks a capture has rows.
func selectedOwners(s *format.Selection) (only []string) {
	if len(s.UID) > 0 {
		ids := make([]string, len(s.UID))
		for i, id := range s.UID {
			ids[i] = strconv.FormatUint(uint64(id), 10)
		}
		only = append(only, "uid "+strings.Join(ids, ", "))
	}
	if s.Cgroup != "" {
		only = append(only, "cgroup "+s.Cgroup+" and below")
	}
	if s.Container != "" {
		only = append(only, "container "+s.Container)
	}
	return only
}

// selectedCalls says of which system calls a capture has rows.
func selectedCalls(s *format.Selection) (only []string) {
	if len(s.Calls) > 0 {
		only = append(only, "system calls "+strings.Join(s.Calls, ", "))
	}
	if s.Failed {
		only = append(only, "calls that failed")
	}
	if s.SlowerNS > 0 {
		only = append(only, "calls of "+time.Duration(s.SlowerNS).String()+" or longer")
	}
	return only
}

// familiesText says which event families were asked for, "" if all.
func familiesText(s *format.Selection) string {
	if s == nil || len(s.Families) == 0 {
		return ""
	}
	return "events of " + strings.Join(s.Families, ", ")
}

// partialNotes says what makes totals of a capture, of these tables, totals of a part of what happened.
func partialNotes(c *capture.Capture, tables ...string) (notes []string) {
	if only := selected(c.Manifest.Selection); only != "" {
		notes = append(notes, "recorded only "+only+": totals are of these")
	}
	if made := derivedText(c.Manifest.Derived); made != "" {
		notes = append(notes, "made as "+made+": totals are of what it has")
	}
	for _, note := range c.Manifest.Notes { // such as "stopped after 10 events", in the middle of what happened
		notes = append(notes, "the recorder says: "+note)
	}
	for _, table := range tables {
		size := c.Manifest.Tables[table]
		if size.Lost > 0 {
			share := float64(size.Lost) / (float64(size.Lost) + float64(size.Rows))
			notes = append(notes, fmt.Sprintf("%s %s events (%s) were lost: totals are of the others",
				term.Count(size.Lost), table, percent(share)))
		}
	}
	if c.Manifest.Selection.WithoutArgs() && slices.Contains(tables, "process") {
		notes = append(notes, "recorded without the arguments of programs")
	}
	for _, table := range slices.Sorted(maps.Keys(c.Manifest.Tables)) {
		t := schema.Of(table)
		if lost := c.Manifest.Tables[table].Lost; lost > 0 && t != nil && t.Dimension() {
			notes = append(notes, fmt.Sprintf("%s rows of %s were not kept: events that refer to them show ? for names",
				term.Count(lost), table))
		}
	}
	intervals := c.Intervals()
	for i := 1; i < len(intervals); i++ {
		notes = append(notes, "nothing is known of the time between the parts: "+
			capture.Span(intervals[i-1].To, intervals[i].From, time.Local))
	}
	return notes
}

// notePartial prints the notes on totals of these tables: below a table, or on stderr where the output is JSON.
func (e *env) notePartial(w io.Writer, set capture.Set, tables ...string) {
	for _, c := range set {
		for _, note := range partialNotes(c, tables...) {
			if len(set) > 1 {
				note = c.Path + ": " + note
			}
			e.note(w, note)
		}
	}
}

// note prints a note on an output: below a table, or as a warning on stderr where the output is JSON.
func (e *env) note(w io.Writer, note string) {
	if w == e.stderr {
		cli.Warn(w, program.Name, note)
	} else {
		fmt.Fprintln(w, term.Escape(note))
	}
}
