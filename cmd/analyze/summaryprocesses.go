// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

// processSummary is the part of a summary about processes.
type processSummary struct {
	Recorded bool            `json:"recorded"` // false: events of processes were not, so the rest is null
	Before   *int64          `json:"before"`   // began before the capture, or the time that is shown
	Started  *int64          `json:"started"`  // with the command that was run
	Ended    *int64          `json:"ended"`
	Bad      []failedProcess `json:"ended_badly"` // the first ones
	BadAll   *int64          `json:"ended_badly_all"`
}

// failedProcess is a process that exited with a status other than 0 or was killed by a signal.
type failedProcess struct {
	End     time.Time `json:"end"`
	PID     int32     `json:"pid"`
	Status  string    `json:"status"`
	Command string    `json:"command"`
}

// read counts the listed processes of l, as analyze processes shows them, by whether they began and ended in the time
// that the filter leaves. It keeps the first n that ended badly.
func (s *processSummary) read(l *processList, c *capture.Capture, p *filter.Program, n int) error {
	tasks, err := c.Tasks()
	if s.Recorded = recorded(c, "process"); !s.Recorded || err != nil {
		return err
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if p != nil {
		from, to = p.TimeRange()
	}
	var before, started, ended int64
	var bad []*process
	for _, one := range l.all {
		if !one.listed {
			continue
		}
		if one.startedAfter(c.Manifest.Start) && one.Start.UnixNano() >= from {
			started++
		} else {
			before++
		}
		if one.ending != nil && from <= one.ending.ts && one.ending.ts <= to {
			ended++
			if one.ending.exitCode != 0 || one.ending.signal != 0 {
				bad = append(bad, one)
			}
		}
	}
	all := int64(len(bad))
	s.Before, s.Started, s.Ended, s.BadAll, s.Bad = &before, &started, &ended, &all, []failedProcess{}
	slices.SortStableFunc(bad, func(a, b *process) int { return cmp.Compare(a.ending.ts, b.ending.ts) })
	for _, one := range bad[:min(n, len(bad))] {
		s.Bad = append(s.Bad, failedProcess{*one.End, one.PID, one.status(), commOf(tasks.Task(one.ending.task))})
	}
	return nil
}

func (s *processSummary) title() string {
	if !s.Recorded {
		return "processes: not known, process events were not recorded"
	}
	return fmt.Sprintf("processes: %s at the start, %s started, %s ended, %s of them badly",
		term.Count(*s.Before), term.Count(*s.Started), term.Count(*s.Ended), term.Count(*s.BadAll))
}

func (s *processSummary) table(clock *stamp.Format) *term.Table {
	t := term.NewTable("at", ">pid", "status", "command")
	for _, p := range s.Bad {
		t.Row(string(clock.Append(nil, p.End.UnixNano())), strconv.Itoa(int(p.PID)), p.Status, p.Command)
	}
	return t
}
