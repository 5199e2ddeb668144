// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Bounds of the memory that a hostile capture can make the processes of one capture take.
const (
	maxEvents    = 1 << 24
	maxTextBytes = 1 << 30
)

var processColumns = schema.Of("process").Select("ts", "task", "op", "pid", "ppid", "filename", "args", "exit_code",
	"signal", "duration_ns")

// processEvent is one row of the table process.
type processEvent struct {
	ts               int64
	task             int32
	op               string
	pid, ppid        int32
	filename         string
	args             []string
	exitCode, signal int32
	duration         int64
	matches          bool // the filter
}

// processOps are the values of op that are known, in the order in which events with the same time are applied.
var processOps = []string{"snapshot", "fork", "exec", "exit"}

// readProcessEvents reads all events of processes, sorted by time. A filter only marks those that match, because what a
// process is depends on all of its events.
func readProcessEvents(e *env, c *capture.Capture, p *filter.Program) ([]processEvent, error) {
	var events []processEvent
	match, columns, err := bindFilter(c, "process", p)
	if err != nil {
		return nil, err
	}
	bytes := 0
	s := e.scan(c, "process", append(columns, processColumns...), nil)
	s.Ordered = true
	err = s.Run(e.ctx, func(_ int, b *format.Batch) error {
		matches := match(b)
		for i := range b.Rows {
			ev := processEvent{
				ts: b.Column("ts").I64[i], task: b.Column("task").I32[i], matches: matches(i),
				op:  b.Column("op").Str.At(i),
				pid: b.Column("pid").I32[i], ppid: b.Column("ppid").I32[i],
				exitCode: b.Column("exit_code").I32[i], signal: b.Column("signal").I32[i],
				duration: b.Column("duration_ns").I64[i],
			}
			if !slices.Contains(processOps, ev.op) {
				continue // written by a newer minor version
			}
			if filename, args := &b.Column("filename").Str, b.Column("args"); ev.op != "exit" {
				ev.filename, ev.args = filename.At(i), args.List(i)
				bytes += len(ev.filename) + 16*len(ev.args)
				for _, arg := range ev.args {
					bytes += len(arg)
				}
			}
			events = append(events, ev)
		}
		if len(events) > maxEvents || bytes > maxTextBytes {
			return fmt.Errorf("more than %d events or %d bytes of command lines", maxEvents, maxTextBytes)
		}
		return nil
	})
	slices.SortStableFunc(events, func(a, b processEvent) int {
		return cmp.Or(cmp.Compare(a.ts, b.ts),
			cmp.Compare(slices.Index(processOps, a.op), slices.Index(processOps, b.op)))
	})
	return events, err
}

// bindFilter returns a function that tells which rows of a batch match a filter, and the columns that it needs. Without
// a filter all rows match.
func bindFilter(c *capture.Capture, table string, p *filter.Program) (func(b *format.Batch) func(row int) bool,
	[]format.Column, error) {
	t := c.Table(table)
	if p == nil || t == nil {
		return func(*format.Batch) func(int) bool { return func(int) bool { return true } }, nil, nil
	}
	bound, err := c.Bind(p, t)
	if err != nil {
		return nil, nil, err
	}
	var columns []format.Column
	for _, name := range bound.Columns() {
		columns = append(columns, t.Schema.Columns[t.Schema.Index(name)])
	}
	var selected filter.Selection
	return func(b *format.Batch) func(int) bool {
		selected = bound.Match(b, selected)
		return selected.Has
	}, columns, nil
}
