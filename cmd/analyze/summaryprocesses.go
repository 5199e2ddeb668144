// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

// processSummary is the part of a summary about processes.
type processSummary struct {
	Before  int64           `json:"before"`  // ran when the capture began
	Started int64           `json:"started"` // with the command that was run
	Ended   int64           `json:"ended"`
	Bad     []failedProcess `json:"ended_badly"` // the first ones
	BadAll  int64           `json:"ended_badly_all"`
}

// failedProcess is a process that exited with a status other than 0 or was killed by a signal.
type failedProcess struct {
	End     time.Time `json:"end"`
	PID     int32     `json:"pid"`
	Status  string    `json:"status"`
	Command string    `json:"command"`
}

// read counts the processes of a list by how they began and ended, where the event that shows it matches the filter. It
// keeps the first n that ended badly.
func (p *processSummary) read(l *processList, c *capture.Capture, n int) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	p.Bad = []failedProcess{}
	var bad []*process
	for _, one := range l.all {
		if began := one.began; began.event != nil && began.event.matches {
			if began.before {
				p.Before++
			} else {
				p.Started++
			}
		}
		if one.ending != nil && one.ending.matches {
			p.Ended++
			if one.ending.exitCode != 0 || one.ending.signal != 0 {
				bad = append(bad, one)
			}
		}
	}
	p.BadAll = int64(len(bad))
	slices.SortStableFunc(bad, func(a, b *process) int { return cmp.Compare(a.ending.ts, b.ending.ts) })
	for _, one := range bad[:min(n, len(bad))] {
		p.Bad = append(p.Bad, failedProcess{*one.End, one.PID, one.status(), commOf(tasks.Task(one.ending.task))})
	}
	return nil
}

func (p *processSummary) title() string {
	return fmt.Sprintf("processes: %s at the start, %s started, %s ended, %s of them badly",
		term.Count(p.Before), term.Count(p.Started), term.Count(p.Ended), term.Count(p.BadAll))
}

func (p *processSummary) table(clock *stamp.Format) *term.Table {
	t := term.NewTable("at", ">pid", "status", "command")
	for _, p := range p.Bad {
		t.Row(string(clock.Append(nil, p.End.UnixNano())), strconv.Itoa(int(p.PID)), p.Status, p.Command)
	}
	return t
}
