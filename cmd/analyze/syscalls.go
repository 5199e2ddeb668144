// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/view"
)

// callTimes is the distribution of the durations of calls.
var callTimes = view.DistributionOf("duration_ns")

var systemCalls = &viewCommand{
	Command: cli.Command{
		Name:    "analyze syscalls",
		Summary: "calls, errors and times of each system call",
		Description: `Counts calls and errors of each system call, and how long they took: in all, on average, at most,
and the time that half and 99 of 100 calls did not exceed.`,
		Examples: []cli.Example{
			{Line: "analyze syscalls incident"},
			{Line: "analyze syscalls incident --by comm,name --sort errors -n 20", Text: "who failed most, in what"},
			{Line: `analyze syscalls incident -Y 'comm == "nginx" && duration_ns > 1000000'`,
				Text: "slow calls of one program"},
		},
	},
	emptyText: "no such calls were recorded",
	view: &view.View{
		Table: "syscall", By: []string{"name"}, Sort: "total",
		Keys: []*view.Key{view.Call, view.Comm, view.PID.LeftAligned(), view.TID.LeftAligned(), view.Errno},
		Measures: []*view.Measure{
			{Name: "calls", Value: callTimes.Count(), ShowZero: true},
			{Name: "errors", Value: view.Count(view.Fails("ret"))},
			{Name: "total", Value: callTimes.Total(), Unit: view.Nanoseconds, ShowZero: true},
			{Name: "mean", Value: callTimes.Mean(), Unit: view.Nanoseconds, ShowZero: true},
			{Name: "p50", Value: callTimes.Quantile(0.5), Unit: view.Nanoseconds, ShowZero: true},
			{Name: "p99", Value: callTimes.Quantile(0.99), Unit: view.Nanoseconds, ShowZero: true},
			{Name: "max", Value: callTimes.Max(), Unit: view.Nanoseconds, ShowZero: true},
		},
	},
}
