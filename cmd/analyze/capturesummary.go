// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

// captureSummary is what summary prints of a capture.
type captureSummary struct {
	Capture  string    `json:"capture"`
	Complete bool      `json:"complete"`
	Host     string    `json:"host"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`

	Families []familyRate `json:"families"`
	callSummary
	Pending   []pendingCall  `json:"pending_calls"` // the longest
	Processes processSummary `json:"processes"`
	Files     fileSummary    `json:"files"`
	TCP       tcpSummary     `json:"tcp"`
	Denials   seccompSummary `json:"seccomp"`

	filtered bool // all but the families
}

// fewRows is how many lines the lists of files, connections and denials have at most: they are to leave the screen to
// the calls.
const fewRows = 3

// readSummary makes the summary of a capture, with lists of at most n lines. The filter does not touch the families.
func readSummary(e *env, c *capture.Capture, p *filter.Program, n int) (*captureSummary, error) {
	m := &c.Manifest
	s := &captureSummary{Capture: c.Path, Complete: m.Complete, Host: m.Host, Start: m.Start, End: m.End,
		filtered: p != nil}
	for _, f := range familyShares(capture.Set{c}) {
		rate := familyRate{familyShare: f}
		if d := m.End.Sub(m.Start); d > 0 && !m.End.IsZero() && !m.Start.IsZero() {
			rate.PerSecond = float64(f.Rows) / d.Seconds()
		}
		s.Families = append(s.Families, rate)
	}
	in, few := e.input(p, c), min(n, fewRows)
	for _, read := range []func() error{
		func() error { return s.callSummary.read(e, in, c, n) },
		func() (err error) { s.Pending, err = readPending(e, c, p, n); return err },
		func() error { return s.Processes.read(e, c, p, n) },
		func() error { return s.Files.read(e, in, few) },
		func() error { return s.TCP.read(e, in, few) },
		func() error { return s.Denials.read(e, in, few) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// write prints the summary for people.
func (s *captureSummary) write(w io.Writer) error {
	colour := term.ColourOf(w)
	state := colour.Green("complete")
	if !s.Complete {
		state = colour.Red("INCOMPLETE")
	}
	when := spanText(s.Start, s.End)
	fmt.Fprintf(w, "%s: host %s, %s, %s\n", term.Escape(s.Capture), term.Escape(s.Host), when, state)
	clock := stamp.New("15:04:05", "", time.Local)
	for _, part := range []struct {
		title string
		table *term.Table
		shown bool // even without rows
	}{
		{s.familyTitle(), s.familyTable(), false},
		{"most calls", commandTable(s.Calls), false},
		{"most time in calls", commandTable(s.Times), false},
		{"slowest calls, one of each name", s.slowTable(clock), false},
		{"failing calls", s.failingTable(), false},
		{"calls that did not return", pendingTable(s.Pending, clock), false},
		{s.Files.title(), s.Files.table(), false},
		{s.TCP.title(), s.TCP.table(), s.TCP.some()},
		{s.Denials.title(), s.Denials.table(), false},
		{s.Processes.title(), s.Processes.table(clock), true},
	} {
		if part.table.Len() == 0 && !part.shown {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", colour.Bold(part.title))
		if part.table.Len() == 0 {
			continue
		}
		if err := part.table.Write(w, "  "); err != nil {
			return err
		}
	}
	return nil
}
