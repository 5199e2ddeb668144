// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// callTimes is the distribution of the durations of calls.
var callTimes = view.DistributionOf("duration_ns")

// Values of calls by how they ended.
var (
	callErrors   = view.Count(view.CallEnds(syscalls.Erred))
	callExpected = view.Count(view.CallEnds(syscalls.Expected))
)

var systemCalls = &viewCommand{
	Command: cli.Command{
		Name:    "analyze syscalls",
		Summary: "calls, errors and times of each system call",
		Description: `Counts calls and errors of each system call, and how long they took: in all, on average, at most,
and the time that half and 99 of 100 calls did not exceed. These two are within 1/32 of the exact time. Error numbers
that are an answer and no failure are counted as expected: EAGAIN of I/O that does not block, EINPROGRESS of connect, a
timeout of futex, a signal that interrupted a call (EINTR, ERESTARTSYS). Calls that do not return have no time: "-".`,
		Examples: []cli.Example{
			{Line: "analyze syscalls incident"},
			{Line: "analyze syscalls incident --by comm,name --sort errors -n 20", Text: "who failed most, in what"},
			{Line: "analyze syscalls incident -Y 'ret == -2' --by str,dir", Text: "what was looked for in vain"},
			{Line: `analyze syscalls incident -Y 'comm == "nginx" && duration_ns > 1000000'`,
				Text: "slow calls of one program"},
		},
	},
	emptyText: "no such calls were recorded",
	notes:     func(r *view.Result) []string { return beforeNote(r, callTimes.Bounds(), "mean, p50 and p99") },
	view: &view.View{
		Table: "syscall", By: []string{"name"}, Sort: "total",
		Keys: append([]*view.Key{view.Call, view.Comm, view.PID.LeftAligned(), view.TID.LeftAligned(), view.Errno},
			view.CallNames...),
		Measures: []*view.Measure{
			{Name: "calls", Value: callCount, ShowZero: true},
			{Name: "errors", Value: callErrors},
			{Name: "expected", Value: callExpected},
			{Name: "total", Value: callTimes.Total(), Unit: view.Nanoseconds, ShowZero: true},
			{Name: "mean", Value: callTimes.Mean(), Unit: view.Nanoseconds, ShowZero: true},
			{Name: "p50", Value: callTimes.Percentile(50), Unit: view.Nanoseconds, ShowZero: true},
			{Name: "p99", Value: callTimes.Percentile(99), Unit: view.Nanoseconds, ShowZero: true},
			{Name: "max", Value: callTimes.Max(), Unit: view.Nanoseconds, ShowZero: true},
			{Name: "untimed", Value: callTimes.Untimed(), JSONOnly: true},
			{Name: "began_before", Value: callTimes.Bounds(), JSONOnly: true},
		},
	},
}

// beforeNote says that rows which began before the recording are in some times and not in others.
func beforeNote(r *view.Result, count view.Number, without string) []string {
	n := int64(0)
	for _, g := range r.Top(0, nil) {
		n += count.Of(g)
	}
	if n == 0 {
		return nil
	}
	return []string{term.Count(n) + " of them began before the recording: total and max have their time since then, " +
		without + " leave them out"}
}
