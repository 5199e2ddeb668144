// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// factTable shows where, when and how a capture was recorded.
func factTable(m *format.Manifest) *term.Table {
	t := term.NewTable("", "")
	add := func(name, value string) {
		if value != "" {
			t.Row(name, value)
		}
	}
	host := fmt.Sprintf("%s, Linux %s, %s, %d CPUs", m.Host, m.Kernel, m.Arch, m.CPUs)
	add("host", strings.TrimSuffix(host, ", 0 CPUs"))
	add("recorded", capture.Span(m.Start, m.End, time.Local))
	add("id", m.ID)
	add("dumped", dumpText(m.Dump))
	add("command", commandText(m))
	add("cgroups", m.Cgroups)
	add("selected", selected(m.Selection))
	add("families", familiesText(m.Selection))
	if m.Selection.WithoutArgs() {
		add("left out", "arguments of programs")
	}
	if m.Selection.WithoutStrings() {
		add("left out", "texts of system calls")
	} else if s := m.Selection; s != nil && s.Strings != nil {
		add("texts of calls", "at most "+term.Count(*s.Strings)+" bytes")
	}
	add("derived", derivedText(m.Derived))
	add("recorder", recorderText(&m.Recorder))
	return t
}

func commandText(m *format.Manifest) string {
	text := commandLine(m.Command)
	if text != "" && m.ExitStatus != nil {
		text += fmt.Sprintf("  (exit status %d)", *m.ExitStatus)
	}
	return text
}

// recorderText says which program wrote a capture and how it was called: "v1.2.3 (0123456789ab)  record -a".
func recorderText(r *format.Recorder) string {
	text := r.Version
	if commit := r.Commit; commit != "" {
		text += " (" + commit[:min(len(commit), 12)] + ")"
	}
	return strings.TrimSpace(text + "  " + commandLine(r.Args))
}

// derivedText says how a capture was made of others, "" if a recorder wrote it.
func derivedText(d *format.Derived) string {
	switch {
	case d == nil:
		return ""
	case len(d.From) == 0: // recordings before 1.2 have no ids
		return d.How
	}
	return d.How + " of " + strings.Join(d.From, ", ")
}

// dumpText says why and when a capture was dumped, "" if it is not a dump.
func dumpText(d *format.Dump) string {
	switch {
	case d == nil:
		return ""
	case d.Reason == format.ReasonWindow:
		return "no, this is the window of a flight recorder"
	case d.Condition != "":
		return fmt.Sprintf("%s at %s: %s", d.Reason, d.TS.Local().Format(capture.TimeLayout), d.Condition)
	}
	return fmt.Sprintf("%s at %s", d.Reason, d.TS.Local().Format(capture.TimeLayout))
}

// probeTable shows how each family was recorded, and which mechanisms were refused.
func probeTable(m *format.Manifest) *term.Table {
	t := term.NewTable("family", "mechanism", "refused")
	for _, p := range m.Probes {
		family, mechanism := p.Family, p.Mechanism
		if mechanism == "" {
			mechanism = "none"
		}
		if len(p.Refused) == 0 {
			t.Row(family, mechanism, "")
		}
		for _, r := range p.Refused { // one line each; only the first has the family
			t.Row(family, mechanism, r.Mechanism+": "+r.Reason)
			family, mechanism = "", ""
		}
	}
	return t
}

// changeTable shows what changed on the host during the recording.
func changeTable(m *format.Manifest) *term.Table {
	t := term.NewTable("when", "change", "")
	for _, c := range m.Changes {
		t.Row(c.TS.Local().Format(capture.TimeLayout), c.What, c.Detail)
	}
	return t
}

// sizeTable shows rows, losses and size of each table, and their totals.
func sizeTable(c *capture.Capture) *term.Table {
	t := term.NewTable("table", ">rows", ">lost", ">bytes", ">bytes/row", ">segments")
	var sum format.TableInfo
	for _, name := range slices.Sorted(maps.Keys(c.Manifest.Tables)) {
		size := c.Manifest.Tables[name]
		addSize(t, name, size)
		sum.Rows = view.Add(sum.Rows, size.Rows)
		sum.Lost = view.Add(sum.Lost, size.Lost)
		sum.Bytes = view.Add(sum.Bytes, size.Bytes)
		sum.Segments += size.Segments
	}
	if t.Len() > 1 {
		addSize(t, "total", sum)
	}
	return t
}

func addSize(t *term.Table, name string, size format.TableInfo) {
	bytesPerRow := "-"
	if size.Rows > 0 {
		bytesPerRow = strconv.FormatFloat(float64(size.Bytes)/float64(size.Rows), 'f', 1, 64)
	}
	t.Row(name, term.Count(size.Rows), term.Count(size.Lost), term.Bytes(size.Bytes), bytesPerRow,
		term.Count(int64(size.Segments)))
}
