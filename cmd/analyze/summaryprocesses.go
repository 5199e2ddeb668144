// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

// processSummary is the part of a summary about processes.
type processSummary struct {
	Before  int64           `json:"before"` // ran when the capture began
	Started int64           `json:"started"`
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

// read counts processes by how they began and ended, and keeps the first n that ended badly.
func (p *processSummary) read(e *env, c *capture.Capture, filter *filter.Program, n int) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	p.Bad = []failedProcess{}
	columns := schema.Of("process").Select("ts", "task", "op", "pid", "exit_code", "signal")
	s := e.scan(c, "process", columns, filter)
	s.Ordered = true
	return s.Run(e.ctx, func(_ int, b *format.Batch) error {
		for i := range b.Rows {
			switch string(b.Column("op").Str.Bytes(i)) {
			case "snapshot":
				p.Before++
			case "fork":
				p.Started++
			case "exit":
				p.Ended++
				code, signal := b.Column("exit_code").I32[i], b.Column("signal").I32[i]
				if code == 0 && signal == 0 {
					continue
				}
				p.BadAll++
				if len(p.Bad) < n {
					ended := process{ExitCode: &code, Signal: signal}
					p.Bad = append(p.Bad, failedProcess{*timeOf(b.Column("ts").I64[i]), b.Column("pid").I32[i],
						ended.status(), commOf(tasks.Task(b.Column("task").I32[i]))})
				}
			}
		}
		return nil
	})
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
