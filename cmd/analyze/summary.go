// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

var summaryCommand = cli.Command{
	Name:    "analyze summary",
	Summary: "the first screen of an investigation",
	Description: `Shows on one screen what to look at first: how much of what was recorded and lost, who was busiest,
which calls were slow, which failed, which never returned, which files were read and written most, which connects
failed or were slow, what a seccomp filter denied, and which processes ended badly.`,
	Examples: []cli.Example{
		{Line: "analyze summary incident"},
		{Line: `analyze summary incident -Y 'comm == "nginx"'`, Text: "of one program"},
	},
}

// overview is what summary prints of a capture.
type overview struct {
	Capture  string    `json:"capture"`
	Complete bool      `json:"complete"`
	Host     string    `json:"host"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`

	Families []familyRate `json:"families"`
	callSummary
	Pending   []pendingCall  `json:"pending_calls"` // the longest
	Processes processCounts  `json:"processes"`
	Files     fileOverview   `json:"files"`
	TCP       tcpOverview    `json:"tcp"`
	Denials   denialOverview `json:"seccomp"`

	filtered bool // all but the families
}

type familyRate struct {
	share
	PerSecond float64 `json:"per_second"`
}

func summary(e *env, args []string) (err error) {
	o := newCommand(summaryCommand)
	n := o.IntP("rows", "n", 5, "at most `N` lines in each list")
	o.withFilter("only events for which `EXPR` holds").withJSON("one object for each capture")
	if stop, err := o.parse(e, args); stop {
		return err
	}
	if *n < 1 {
		return o.Wrong("a list of %d lines shows nothing", *n)
	}
	set, err := o.openParsed(e)
	if err != nil {
		return err
	}
	defer closing(set, &err)
	for i, c := range set {
		v, err := newOverview(e, c, o.filter, *n)
		if err != nil {
			return err
		}
		if o.json {
			err = jsonline.Write(e.stdout, v)
		} else {
			if i > 0 {
				fmt.Fprintln(e.stdout)
			}
			err = v.write(e.stdout)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fewRows is how many lines the lists of files, connections and denials have at most: they are to leave the screen to
// the calls.
const fewRows = 3

func newOverview(e *env, c *capture.Capture, filter *filter.Program, n int) (*overview, error) {
	m := &c.Manifest
	v := &overview{Capture: c.Path, Complete: m.Complete, Host: m.Host, Start: m.Start, End: m.End, filtered: filter != nil}
	for _, s := range shares(capture.Set{c}) {
		rate := familyRate{share: s}
		if d := m.End.Sub(m.Start); d > 0 && !m.End.IsZero() && !m.Start.IsZero() {
			rate.PerSecond = float64(s.Rows) / d.Seconds()
		}
		v.Families = append(v.Families, rate)
	}
	in, few := e.input(filter, c), min(n, fewRows)
	for _, read := range []func() error{
		func() error { return v.callSummary.read(e, in, c, n) },
		func() (err error) { v.Pending, err = readPending(e, c, filter, n); return err },
		func() error { return v.Processes.read(e, c, filter, n) },
		func() error { return v.Files.read(e, in, few) },
		func() error { return v.TCP.read(e, in, few) },
		func() error { return v.Denials.read(e, in, few) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// write prints the overview for people.
func (v *overview) write(w io.Writer) error {
	colour := term.ColourOf(w)
	state := colour.Green("complete")
	if !v.Complete {
		state = colour.Red("INCOMPLETE")
	}
	fmt.Fprintf(w, "%s: host %s, %s, %s\n", term.Escape(v.Capture), term.Escape(v.Host), spanText(v.Start, v.End), state)
	clock := stamp.New("15:04:05", "", time.Local)
	for _, part := range []struct {
		title string
		table *term.Table
		shown bool // even without rows
	}{
		{v.familyTitle(), v.familyTable(), false},
		{"most calls", commandTable(v.Calls), false},
		{"most time in calls", commandTable(v.Times), false},
		{"slowest calls, one of each name", v.slowTable(clock), false},
		{"failing calls", v.failingTable(), false},
		{"calls that did not return", pendingTable(v.Pending, clock), false},
		{v.Files.title(), v.Files.table(), false},
		{v.TCP.title(), v.TCP.table(), v.TCP.any()},
		{v.Denials.title(), v.Denials.table(), false},
		{v.Processes.title(), v.Processes.table(clock), true},
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

func (v *overview) familyTitle() string {
	if v.filtered {
		return "events, all; what follows is filtered"
	}
	return "events"
}

func (v *overview) familyTable() *term.Table {
	t := term.NewTable("family", ">rows", ">per second", ">lost", ">share lost")
	for _, f := range v.Families {
		rate := "-"
		if f.PerSecond > 0 {
			rate = term.Rate(f.Rows, v.End.Sub(v.Start))
		}
		t.Row(f.Family, term.Count(f.Rows), rate, term.Count(f.Lost), percent(f.Share))
	}
	return t
}
