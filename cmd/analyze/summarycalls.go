// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// callSummary is the part of a summary about system calls.
type callSummary struct {
	Calls   []commandCalls `json:"busiest_by_calls"`
	Times   []commandCalls `json:"busiest_by_time"`
	Slowest []slowCall     `json:"slowest_calls"` // the slowest one of each name
	Failing []failingCall  `json:"failing_calls"`

	FailingAll int64 `json:"failing_calls_all"` // how many pairs of call and error there are
}

// commandCalls are the calls of all tasks with the same comm.
type commandCalls struct {
	Comm   string `json:"comm"`
	Calls  int64  `json:"calls"`
	Errors int64  `json:"errors"`
	Expect int64  `json:"expected"` // error numbers that are no failures
	Time   int64  `json:"time_ns"`
}

// slowCall is one slow call.
type slowCall struct {
	Name     string    `json:"name"`
	TS       time.Time `json:"ts"`
	Comm     string    `json:"comm"`
	PID      int32     `json:"pid"`
	TID      int32     `json:"tid"`
	Ret      int64     `json:"ret"`
	Duration int64     `json:"duration_ns"`
	Before   bool      `json:"began_before"` // the recording, so Duration is a lower bound
}

// failingCall is how often one system call failed with one error.
type failingCall struct {
	Name  string  `json:"name"`
	Errno string  `json:"errno"`
	Calls int64   `json:"calls"`
	Share float64 `json:"share"` // of the calls of this name
}

var (
	callCount = view.Count(nil)
	callTime  = view.Sum("duration_ns", nil)
)

// callDetails is what the list of slow calls shows of a call, besides its name and duration.
type callDetails struct {
	ts, ret int64
	task    int32
	before  bool
}

// slowestCall is the call with the longest duration; of equal ones, the first.
var slowestCall = &view.Greatest[callDetails]{
	Column: "duration_ns", Columns: []string{"ts", "task", "ret", "flags"},
	NewRow: func(*view.Source) (func(b *format.Batch, row int) callDetails, error) {
		return func(b *format.Batch, row int) callDetails {
			return callDetails{b.Column("ts").I64[row], b.Column("ret").I64[row], b.Column("task").I32[row],
				view.Before(b, row)}
		}, nil
	},
	Less: func(a, b callDetails) bool { return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.task, b.task)) < 0 },
}

// read fills s, with lists of at most n entries.
func (s *callSummary) read(e *env, in *view.Input, c *capture.Capture, n int) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	results, err := view.GroupRows(e.ctx, in, "syscall",
		view.Grouping{By: []*view.Key{view.Comm},
			Count: []view.Value{callCount, callErrors, callExpected, callTime}},
		view.Grouping{By: []*view.Key{view.Call}, Count: []view.Value{callCount, slowestCall}},
		view.Grouping{By: []*view.Key{view.Call, view.Errno}, Count: []view.Value{callErrors}},
	)
	if err != nil {
		return err
	}
	commands, names, failures := results[0], results[1], results[2]
	s.Calls, s.Times = busiest(commands.Top(n, callCount)), busiest(commands.Top(n, callTime))
	s.Slowest, s.Failing = []slowCall{}, []failingCall{}
	for _, g := range names.Top(n, slowestCall.Value()) {
		call, duration := slowestCall.Of(g)
		if duration == view.Unknown {
			break // of this name and of those that follow
		}
		task := tasks.Task(call.task)
		s.Slowest = append(s.Slowest, slowCall{g.Texts[0], time.Unix(0, call.ts).UTC(), commOf(task), task.PID,
			task.TID, call.ret, duration, call.before})
	}
	for _, g := range failures.Top(0, callErrors) {
		errors := callErrors.Of(g)
		if errors == 0 {
			break
		}
		if s.FailingAll++; s.FailingAll <= int64(n) {
			all := names.Group(g.Texts[0])
			if all == nil { // it is one of the other names
				all = names.Other()
			}
			calls := errors
			if all != nil {
				calls = max(callCount.Of(all), 1)
			}
			s.Failing = append(s.Failing, failingCall{g.Texts[0], g.Texts[1], errors, float64(errors) / float64(calls)})
		}
	}
	return nil
}

// busiest converts groups by comm.
func busiest(groups []*view.Group) []commandCalls {
	list := []commandCalls{}
	for _, g := range groups {
		list = append(list, commandCalls{g.Texts[0], callCount.Of(g), callErrors.Of(g), callExpected.Of(g),
			callTime.Of(g)})
	}
	return list
}

// commOf is the comm of a task, "?" for the unknown task.
func commOf(t *capture.Task) string {
	if t.ID == 0 {
		return "?"
	}
	return t.Comm
}

func commandTable(list []commandCalls) *term.Table {
	t := term.NewTable("comm", ">calls", ">errors", ">expected", ">time in calls")
	for _, c := range list {
		t.Row(c.Comm, term.Count(c.Calls), term.Count(c.Errors), term.Count(c.Expect), view.Nanoseconds.Text(c.Time))
	}
	return t
}

func (s *callSummary) slowTable(clock *stamp.Format) *term.Table {
	t := term.NewTable(">took", "call", ">result", "at", "comm", ">pid/tid")
	for _, c := range s.Slowest {
		result := strconv.FormatInt(c.Ret, 10)
		if syscalls.Failed(c.Ret) {
			result = view.ErrnoText(-c.Ret)
		}
		at := string(clock.Append(nil, c.TS.UnixNano()))
		t.Row(boundText(c.Duration, c.Before), c.Name, result, at, c.Comm, pidAndTID(c.PID, c.TID))
	}
	return t
}

func (s *callSummary) failingTable() *term.Table {
	t := term.NewTable(">calls", "call", "error", ">share of its calls")
	for _, c := range s.Failing {
		t.Row(term.Count(c.Calls), c.Name, c.Errno, percent(c.Share))
	}
	return t
}

// pidAndTID formats a pid and a tid for people.
func pidAndTID(pid, tid int32) string { return strconv.Itoa(int(pid)) + "/" + strconv.Itoa(int(tid)) }

// boundText formats a duration for people, with ">" if it is a lower bound.
func boundText(duration int64, bound bool) string {
	text := view.Nanoseconds.Text(duration)
	if bound {
		return ">" + text
	}
	return text
}
