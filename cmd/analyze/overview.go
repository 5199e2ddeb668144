// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

var callColumns = []format.Column{
	{Name: "ts", Type: format.Timestamp}, {Name: "task", Type: format.Int32}, {Name: "nr", Type: format.Int32},
	{Name: "ret", Type: format.Int64}, {Name: "duration_ns", Type: format.Int64},
}

// counters are what one worker counts of the calls of a capture.
type counters struct {
	tasks    []commandCalls            // by place in the list of tasks
	near     [syscalls.Slots]*callTime // by slot
	far      map[uint64]*callTime
	failures map[failure]int64
}

// callTime is what is known of the calls of one number.
type callTime struct {
	calls   int64
	slowest call
}

type call struct {
	ts, ret, duration int64
	task              int32
}

// slower orders calls, also those that took equally long, so that the same capture always gives the same one.
func (c call) slower(o call) bool {
	return cmp.Or(cmp.Compare(c.duration, o.duration), cmp.Compare(o.ts, c.ts), cmp.Compare(o.task, c.task)) > 0
}

type failure struct {
	slot  uint64
	errno uint16
}

func newCounters(tasks *capture.Tasks) *counters {
	return &counters{tasks: make([]commandCalls, len(tasks.List)), far: map[uint64]*callTime{}, failures: map[failure]int64{}}
}

func (n *counters) call(slot uint64) *callTime {
	if slot < syscalls.Slots {
		if n.near[slot] == nil {
			n.near[slot] = &callTime{}
		}
		return n.near[slot]
	}
	if n.far[slot] == nil {
		n.far[slot] = &callTime{}
	}
	return n.far[slot]
}

// add counts a batch of callColumns.
func (n *counters) add(b *format.Batch, tasks *capture.Tasks) {
	ts, task, nr := b.Column("ts").I64, b.Column("task").I32, b.Column("nr").I32
	ret, duration := b.Column("ret").I64, b.Column("duration_ns").I64
	for i := range ts {
		slot, took := syscalls.Slot(nr[i]), max(duration[i], 0)
		n.call(slot).add(1, call{ts[i], ret[i], took, task[i]})
		who := &n.tasks[tasks.Index(task[i])]
		who.Calls++
		who.Time += took
		if failed(ret[i]) {
			who.Errors++
			n.failures[failure{slot, uint16(-ret[i])}]++
		}
	}
}

func (t *callTime) add(calls int64, c call) {
	if t.calls == 0 || c.slower(t.slowest) {
		t.slowest = c
	}
	t.calls += calls
}

func (n *counters) merge(o *counters) {
	for i := range o.tasks {
		n.tasks[i].add(&o.tasks[i])
	}
	for slot, t := range o.all() {
		n.call(slot).add(t.calls, t.slowest)
	}
	for f, calls := range o.failures {
		n.failures[f] += calls
	}
}

func (c *commandCalls) add(o *commandCalls) {
	c.Calls += o.Calls
	c.Errors += o.Errors
	c.Time += o.Time
}

// all are the calls that there are, by slot.
func (n *counters) all() map[uint64]*callTime {
	all := maps.Clone(n.far)
	for slot, t := range n.near {
		if t != nil {
			all[uint64(slot)] = t
		}
	}
	return all
}

// countCalls makes the lists that the calls of a capture give.
func (v *overview) countCalls(e *env, c *capture.Capture, filter *filter.Program, n int) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	workers := make([]*counters, e.workers())
	s := e.scan(c, "syscall", callColumns, filter)
	err = s.Run(e.ctx, func(worker int, b *format.Batch) error {
		if workers[worker] == nil {
			workers[worker] = newCounters(tasks)
		}
		workers[worker].add(b, tasks)
		return nil
	})
	sum := newCounters(tasks)
	for _, w := range workers {
		if w != nil {
			sum.merge(w)
		}
	}
	v.rankCommands(sum, tasks, n)
	v.rankCalls(sum, c, tasks, n)
	return err
}

func (v *overview) rankCommands(sum *counters, tasks *capture.Tasks, n int) {
	byComm := map[string]*commandCalls{}
	for i := range sum.tasks {
		if sum.tasks[i].Calls == 0 {
			continue
		}
		comm := commOf(&tasks.List[i])
		if byComm[comm] == nil {
			byComm[comm] = &commandCalls{Comm: comm}
		}
		byComm[comm].add(&sum.tasks[i])
	}
	list := make([]commandCalls, 0, len(byComm))
	for _, c := range byComm {
		list = append(list, *c)
	}
	byName := func(a, b commandCalls) int { return strings.Compare(a.Comm, b.Comm) }
	v.Calls = top(list, n, func(c commandCalls) int64 { return c.Calls }, byName)
	v.Times = top(list, n, func(c commandCalls) int64 { return c.Time }, byName)
}

// commOf is a task's name, "?" where it is not known.
func commOf(t *capture.Task) string {
	if t.ID == 0 {
		return "?"
	}
	return t.Comm
}

func (v *overview) rankCalls(sum *counters, c *capture.Capture, tasks *capture.Tasks, n int) {
	slow, failing := []slowCall{}, []failingCall{}
	calls := sum.all()
	for slot, t := range calls {
		task := tasks.Task(t.slowest.task)
		slow = append(slow, slowCall{c.Calls().Name(syscalls.SlotCall(slot)), time.Unix(0, t.slowest.ts).UTC(), commOf(task),
			task.PID, task.TID, t.slowest.ret, t.slowest.duration})
	}
	for f, count := range sum.failures {
		failing = append(failing, failingCall{c.Calls().Name(syscalls.SlotCall(f.slot)), errnoText(uint64(f.errno)), count,
			float64(count) / float64(calls[f.slot].calls)})
	}
	v.Slowest = top(slow, n, func(c slowCall) int64 { return c.Duration },
		func(a, b slowCall) int { return strings.Compare(a.Name, b.Name) })
	v.Failing = top(failing, n, func(c failingCall) int64 { return c.Calls },
		func(a, b failingCall) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Errno, b.Errno))
		})
}

// top gives the n entries of list with the greatest values; those that are equal come as order has them.
func top[T any](list []T, n int, value func(T) int64, order func(a, b T) int) []T {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b T) int { return cmp.Or(cmp.Compare(value(b), value(a)), order(a, b)) })
	return list[:min(n, len(list)):min(n, len(list))]
}

var pendingColumns = []format.Column{
	{Name: "ts", Type: format.Timestamp}, {Name: "task", Type: format.Int32}, {Name: "nr", Type: format.Int32},
}

// findPending lists the calls that began first of those that did not return. A hostile table may be long: only the first
// ones are kept.
func (v *overview) findPending(e *env, c *capture.Capture, filter *filter.Program, n int) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	first := func(list []pendingCall) []pendingCall {
		return top(list, n, func(p pendingCall) int64 { return p.Age },
			func(a, b pendingCall) int { return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID)) })
	}
	list := []pendingCall{}
	s := e.scan(c, "pending", pendingColumns, filter)
	s.Ordered = true
	err = s.Run(e.ctx, func(_ int, b *format.Batch) error {
		for i := range b.Rows {
			task, ts := tasks.Task(b.Column("task").I32[i]), time.Unix(0, b.Column("ts").I64[i]).UTC()
			list = append(list, pendingCall{c.Calls().Name(b.Column("nr").I32[i]), ts, commOf(task), task.PID, task.TID,
				max(int64(v.End.Sub(ts)), 0)})
		}
		list = first(list)
		return nil
	})
	v.Pending = list
	return err
}

// countProcesses counts how processes came and went.
func (v *overview) countProcesses(e *env, c *capture.Capture, filter *filter.Program, n int) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	p := &v.Processes
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
