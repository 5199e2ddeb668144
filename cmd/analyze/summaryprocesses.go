// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

// processCounts is what summary tells of processes.
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

// read counts how processes came and went.
func (p *processCounts) read(e *env, c *capture.Capture, filter *filter.Program, n int) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	p.Bad = []endedProcess{}
	columns := append(slices.Clone(processColumns), format.Column{Name: "task", Type: format.Int32})
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
					task := tasks.Task(b.Column("task").I32[i])
					ended := process{ExitCode: &code, Signal: signal}
					p.Bad = append(p.Bad, endedProcess{time.Unix(0, b.Column("ts").I64[i]).UTC(), b.Column("pid").I32[i], ended.status(), commOf(task)})
				}
			}
		}
		return nil
	})
}

func (p *processCounts) title() string {
	return fmt.Sprintf("processes: %s at the start, %s started, %s ended, %s of them badly",
		term.Count(p.Before), term.Count(p.Started), term.Count(p.Ended), term.Count(p.BadAll))
}

func (p *processCounts) table(clock *stamp.Format) *term.Table {
	t := term.NewTable("at", ">pid", "status", "command")
	for _, p := range p.Bad {
		t.Row(string(clock.Append(nil, p.End.UnixNano())), strconv.Itoa(int(p.PID)), p.Status, p.Command)
	}
	return t
}
