// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/schema"
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
	defer closeCaptures(set, &err)
	short := *n
	if !o.Changed("rows") {
		short = min(short, maxShortList)
	}
	for i, c := range set {
		s, err := readSummary(e, c, o.filter, *n, short)
		if err != nil {
			return err
		}
		if o.json {
			err = jsonline.Write(e.stdout, s)
		} else {
			if i > 0 {
				fmt.Fprintln(e.stdout)
			}
			err = s.write(e.stdout)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// captureSummary is the output of summary for one capture.
type captureSummary struct {
	Capture  string    `json:"capture"`
	Complete bool      `json:"complete"`
	Host     string    `json:"host"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`

	Selection *format.Selection `json:"selection"` // null: everything was to be recorded
	Derived   *format.Derived   `json:"derived"`   // null: a recorder wrote it
	Notes     []string          `json:"notes"`     // of the recorder

	Families    []familyRate `json:"families"`
	NotRecorded []string     `json:"not_recorded"` // families of which there are no events, so that their numbers are 0
	callSummary
	pendingSummary
	Processes processSummary `json:"processes"`
	Files     fileSummary    `json:"files"`
	TCP       tcpSummary     `json:"tcp"`
	Denials   seccompSummary `json:"seccomp"`

	partial  []string      // what makes this the summary of a part
	filtered bool          // everything but Families is filtered
	covered  time.Duration // from Start to End, without the times between dumps that no dump covers
}

// maxShortList is the maximum length of the lists of files, connections and denials where none is asked for, so that
// there is enough room for the calls on one screen.
const maxShortList = 3

// readSummary makes the summary of a capture, with lists of at most n entries, those of files, connections and
// denials of at most `short`. The filter does not apply to the families.
func readSummary(e *env, c *capture.Capture, p *filter.Program, n, short int) (*captureSummary, error) {
	m := &c.Manifest
	s := &captureSummary{Capture: c.Path, Complete: m.Complete, Host: m.Host, Start: m.Start, End: m.End,
		Selection: m.Selection, Derived: m.Derived, Notes: append([]string{}, m.Notes...),
		filtered: p != nil, partial: partialNotes(c)}
	if families := familiesText(m.Selection); families != "" {
		s.partial = append(s.partial, "recorded only "+families)
	}
	for _, i := range c.Intervals() {
		s.covered += i.To.Sub(i.From)
	}
	s.NotRecorded = slices.DeleteFunc(schema.Families(), func(f string) bool { return recorded(c, f) })
	families, err := familyTotals(capture.Set{c})
	if err != nil {
		return nil, err
	}
	for _, f := range families {
		rate := familyRate{familyTotal: f}
		if s.covered > 0 {
			rate.PerSecond = float64(f.Rows) / s.covered.Seconds()
		}
		s.Families = append(s.Families, rate)
	}
	list, err := newProcessList(e, c, p, false)
	if err != nil {
		return nil, err
	}
	in := e.input(p, c)
	for _, read := range []func() error{
		func() error { return s.callSummary.read(e, in, c, n) },
		func() error { return s.pendingSummary.read(e, c, p, list, n) },
		func() error { return s.Processes.read(list, c, p, n) },
		func() error { return s.Files.read(e, in, short) },
		func() error { return s.TCP.read(e, in, short) },
		func() error { return s.Denials.read(e, in, short) },
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	if in.Crowded {
		s.partial = append(s.partial, crowdedText)
		s.Notes = append(s.Notes, crowdedText)
	}
	return s, nil
}

// crowdedText says that lists may lack what would be on top of them.
const crowdedText = "there are more names than fit into --max-memory: the lists are of some of them"

// write prints the summary for people.
func (s *captureSummary) write(w io.Writer) error {
	colour := term.ColourOf(w)
	state := colour.Green(completeText)
	if !s.Complete {
		state = colour.Red("INCOMPLETE")
	}
	when := capture.Span(s.Start, s.End, time.Local)
	fmt.Fprintf(w, "%s: host %s, %s, %s\n", term.Escape(s.Capture), term.Escape(s.Host), when, state)
	for _, note := range s.partial {
		fmt.Fprintf(w, "  %s\n", colour.Yellow(term.Escape(note)))
	}
	clock := stamp.New(clockLayout(s.Start, s.End), "", time.Local)
	for _, part := range []struct {
		title string
		table *term.Table
		shown bool   // even without rows
		note  string // below the table
	}{
		{s.familyTitle(), s.familyTable(), false, ""},
		{"most calls", commandTable(s.Calls), false, ""},
		{"most time in calls", commandTable(s.Times), false, ""},
		{"slowest calls, one of each name", s.slowTable(clock), false, ""},
		{"failing calls" + cutText(len(s.Failing), s.FailingAll), s.failingTable(), false, ""},
		{"calls that did not return" + cutText(len(s.Pending), s.PendingAll), s.pendingTable(clock), false, ""},
		{s.Files.title(), s.Files.table(), len(s.Files.notes) > 0, strings.Join(s.Files.notes, "; ")},
		{s.TCP.title(), s.TCP.table(), s.TCP.hasRows(), ""},
		{s.Denials.title(), s.Denials.table(), false, ""},
		{s.Processes.title(), s.Processes.table(clock), true, ""},
	} {
		if part.table.Len() == 0 && !part.shown {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", colour.Bold(part.title))
		if part.table.Len() > 0 {
			if err := part.table.Write(w, "  "); err != nil {
				return err
			}
		}
		if part.note != "" {
			fmt.Fprintf(w, "  %s\n", term.Escape(part.note))
		}
	}
	return nil
}

// cutText says how many entries of a list are shown, "" if all are.
func cutText(shown int, all int64) string {
	if int64(shown) == all {
		return ""
	}
	return fmt.Sprintf(", %d of %s", shown, term.Count(all))
}

// clockLayout is the layout of the times of events: with the date, if they are of more than one day.
func clockLayout(start, end time.Time) string {
	if start.IsZero() || end.IsZero() || start.Local().Format(time.DateOnly) == end.Local().Format(time.DateOnly) {
		return time.TimeOnly
	}
	return time.DateTime
}

// familyRate is the total of a family and its events per second.
type familyRate struct {
	familyTotal
	PerSecond float64 `json:"per_second"`
}

func (s *captureSummary) familyTitle() string {
	if s.filtered {
		return "events, all; what follows is filtered"
	}
	return "events"
}

func (s *captureSummary) familyTable() *term.Table {
	t := term.NewTable("family", ">rows", ">per second", ">lost", ">share lost")
	for _, f := range s.Families {
		rate := "-"
		if f.PerSecond > 0 {
			rate = term.Rate(f.Rows, s.covered)
		}
		t.Row(f.Family, term.Count(f.Rows), rate, term.Count(f.Lost), percent(f.Share))
	}
	return t
}

// top returns the n entries of list with the greatest values, the greatest first. order sorts entries with the same
// value.
func top[T any](list []T, n int, value func(T) int64, order func(a, b T) int) []T {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b T) int { return cmp.Or(cmp.Compare(value(b), value(a)), order(a, b)) })
	return list[:min(n, len(list)):min(n, len(list))]
}
