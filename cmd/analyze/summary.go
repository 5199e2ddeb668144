// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

const summaryUsage = `example:
    analyze summary incident
    analyze summary incident -Y 'comm == "nginx"'

Shows on one screen what to look at first: how much of what was recorded and
lost, who was busiest, which calls were slow, which failed, which never
returned, which files were read and written most, which connects failed or were
slow, what a seccomp filter denied, and which processes ended badly.

usage:
    analyze summary CAPTURE... [flags]

flags:
    -n, --rows N         at most N lines in each list (default 5)
    -Y, --filter EXPR    only events for which EXPR holds
        --json           one object for each capture
`

// overview is what summary prints of a capture.
type overview struct {
	Capture  string    `json:"capture"`
	Complete bool      `json:"complete"`
	Host     string    `json:"host"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`

	Families  []familyRate   `json:"families"`
	Calls     []commandCalls `json:"busiest_by_calls"`
	Times     []commandCalls `json:"busiest_by_time"`
	Slowest   []slowCall     `json:"slowest_calls"` // the slowest one of each name
	Failing   []failingCall  `json:"failing_calls"`
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

type commandCalls struct {
	Comm   string `json:"comm"`
	Calls  int64  `json:"calls"`
	Errors int64  `json:"errors"`
	Time   int64  `json:"time_ns"`
}

type slowCall struct {
	Name     string    `json:"name"`
	TS       time.Time `json:"ts"`
	Comm     string    `json:"comm"`
	PID      int32     `json:"pid"`
	TID      int32     `json:"tid"`
	Ret      int64     `json:"ret"`
	Duration int64     `json:"duration_ns"`
}

type failingCall struct {
	Name  string  `json:"name"`
	Errno string  `json:"errno"`
	Calls int64   `json:"calls"`
	Share float64 `json:"share"` // of the calls of this name
}

type pendingCall struct {
	Name string    `json:"name"`
	TS   time.Time `json:"ts"`
	Comm string    `json:"comm"`
	PID  int32     `json:"pid"`
	TID  int32     `json:"tid"`
	Age  int64     `json:"age_ns"` // at the end of the capture
}

type processCounts struct {
	Before  int64          `json:"before"` // ran when the capture began
	Started int64          `json:"started"`
	Ended   int64          `json:"ended"`
	Bad     []endedProcess `json:"ended_badly"` // the first ones
	BadAll  int64          `json:"ended_badly_all"`
}

type endedProcess struct {
	End     time.Time `json:"end"`
	PID     int32     `json:"pid"`
	Status  string    `json:"status"`
	Command string    `json:"command"`
}

func summary(e *env, args []string) (err error) {
	o := newOptions("summary", summaryUsage).withFilter()
	n := o.IntP("rows", "n", 5, "")
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
	if err := v.countCalls(e, c, filter, n); err != nil {
		return nil, err
	}
	if err := v.findPending(e, c, filter, n); err != nil {
		return nil, err
	}
	if err := v.countProcesses(e, c, filter, n); err != nil {
		return nil, err
	}
	return v, v.countFamilies(e, c, filter, n)
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
		{"calls that did not return", v.pendingTable(clock), false},
		{v.Files.title(), v.Files.table(), false},
		{v.TCP.title(), v.TCP.table(), v.TCP.any()},
		{v.Denials.title(), v.Denials.table(), false},
		{v.processTitle(), v.badTable(clock), true},
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

func commandTable(list []commandCalls) *term.Table {
	t := term.NewTable("comm", ">calls", ">errors", ">time in calls")
	for _, c := range list {
		t.Row(c.Comm, term.Count(c.Calls), term.Count(c.Errors), nanoseconds(c.Time))
	}
	return t
}

func (v *overview) slowTable(clock *stamp.Format) *term.Table {
	t := term.NewTable(">took", "call", ">result", "at", "comm", ">pid/tid")
	for _, c := range v.Slowest {
		result := strconv.FormatInt(c.Ret, 10)
		if failed(c.Ret) {
			result = errnoText(uint64(-c.Ret))
		}
		t.Row(nanoseconds(c.Duration), c.Name, result, string(clock.Append(nil, c.TS.UnixNano())), c.Comm, ids(c.PID, c.TID))
	}
	return t
}

func (v *overview) failingTable() *term.Table {
	t := term.NewTable(">calls", "call", "error", ">share of its calls")
	for _, c := range v.Failing {
		t.Row(term.Count(c.Calls), c.Name, c.Errno, percent(c.Share))
	}
	return t
}

func (v *overview) pendingTable(clock *stamp.Format) *term.Table {
	t := term.NewTable(">since", "call", "from", "comm", ">pid/tid")
	for _, c := range v.Pending {
		t.Row(nanoseconds(c.Age), c.Name, string(clock.Append(nil, c.TS.UnixNano())), c.Comm, ids(c.PID, c.TID))
	}
	return t
}

func (v *overview) processTitle() string {
	p := v.Processes
	return fmt.Sprintf("processes: %s at the start, %s started, %s ended, %s of them badly",
		term.Count(p.Before), term.Count(p.Started), term.Count(p.Ended), term.Count(p.BadAll))
}

func (v *overview) badTable(clock *stamp.Format) *term.Table {
	t := term.NewTable("at", ">pid", "status", "command")
	for _, p := range v.Processes.Bad {
		t.Row(string(clock.Append(nil, p.End.UnixNano())), strconv.Itoa(int(p.PID)), p.Status, p.Command)
	}
	return t
}

func ids(pid, tid int32) string { return strconv.Itoa(int(pid)) + "/" + strconv.Itoa(int(tid)) }
