// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/fletch-trace/fletch/internal/view"

const systemCallsUsage = `example:
    analyze syscalls incident
    analyze syscalls incident --by comm,name --sort errors -n 20
    analyze syscalls incident -Y 'comm == "nginx" && duration_ns > 1000000'

Counts calls and errors of each system call, and how long they took: in all, on
average, at most, and the time that half and 99 of 100 calls did not exceed.

usage:
    analyze syscalls CAPTURE... [flags]

flags:
        --by LIST        group by name, comm, pid, tid, errno or several of them
                         (default name)
        --sort COLUMN    calls, errors, total, mean, max, p50 or p99, the most
                         first, or group (default total)
    -n, --rows N         at most N groups (default 0: all)
    -Y, --filter EXPR    only calls for which EXPR holds
        --json           an array of one object for each group
`

// callTimes are how long calls took.
var callTimes = view.SpreadOf("duration_ns")

var systemCalls = &viewCommand{"syscalls", systemCallsUsage, "no such calls were recorded", &view.View{
	Table: "syscall", By: []string{"name"}, Sort: "total",
	Keys: []*view.Key{view.Call, view.Comm, view.PID.OnLeft(), view.TID.OnLeft(), view.Errno},
	Measures: []*view.Measure{
		{Name: "calls", Value: callTimes.Count(), Zero: true},
		{Name: "errors", Value: view.Count(view.Fails("ret"))},
		{Name: "total", Value: callTimes.Total(), Unit: view.Nanoseconds, Zero: true},
		{Name: "mean", Value: callTimes.Mean(), Unit: view.Nanoseconds, Zero: true},
		{Name: "p50", Value: callTimes.Quantile(0.5), Unit: view.Nanoseconds, Zero: true},
		{Name: "p99", Value: callTimes.Quantile(0.99), Unit: view.Nanoseconds, Zero: true},
		{Name: "max", Value: callTimes.Max(), Unit: view.Nanoseconds, Zero: true},
	},
}}
