// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
)

// readProcesses makes the processes of a capture, in the order in which they began.
func readProcesses(e *env, c *capture.Capture, p *filter.Program) ([]*process, error) {
	events, err := readProcessEvents(e, c, p)
	if err != nil {
		return nil, err
	}
	l := &processList{last: map[int32]*process{}, byPID: map[int32][]*process{}}
	for i := range events {
		l.apply(&events[i])
	}
	if err := l.join(e, c, p); err != nil {
		return nil, err
	}
	l.link()
	return l.all, nil
}

// processList is the processes of a capture. It is made from events in the order of their time.
type processList struct {
	all   []*process
	last  map[int32]*process   // by pid: the one that has it now, or had it last
	byPID map[int32][]*process // by pid: all that ever had it
}

// begin adds a process, which is known from the time `from` on.
func (l *processList) begin(pid, ppid int32, from int64) *process {
	p := &process{PID: pid, PPID: ppid, Args: []string{}, from: from}
	l.last[pid] = p
	l.byPID[pid] = append(l.byPID[pid], p)
	l.all = append(l.all, p)
	return p
}

// known is the process that an event is about; one whose beginning was lost begins with it.
func (l *processList) known(ev *processEvent) *process {
	if p := l.last[ev.pid]; p != nil && p.End == nil {
		return p
	}
	return l.begin(ev.pid, ev.ppid, ev.ts)
}

// apply adds what an event tells.
func (l *processList) apply(ev *processEvent) {
	switch ev.op {
	case "snapshot":
		p := l.known(ev)
		p.Filename, p.Args = ev.filename, ev.args
	case "fork":
		p := l.begin(ev.pid, ev.ppid, ev.ts)
		p.Start = timeOf(ev.ts)
		if parent := l.last[ev.ppid]; parent != nil && parent != p {
			p.parent = parent
			p.Filename, p.Args, p.Comm = parent.Filename, parent.Args, parent.Comm
		}
	case "exec":
		p := l.known(ev)
		p.Filename, p.Args = ev.filename, ev.args
	case "exit":
		p := l.known(ev)
		p.End, p.Lifetime, p.ExitCode, p.Signal = timeOf(ev.ts), ev.duration, &ev.exitCode, ev.signal
		if p.Start == nil && ev.duration > 0 {
			p.Start = timeOf(ev.ts - ev.duration)
		}
	}
}

// join adds what tasks tell: names, containers and the number of calls; and processes of which there are no events.
// With a filter only those of the latter that made a call which it lets through.
func (l *processList) join(e *env, c *capture.Capture, only *filter.Program) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	containers, err := c.Texts("cgroup", "container")
	if err != nil {
		return err
	}
	calls, err := countByTask(e, c, tasks, only)
	if err != nil {
		return err
	}
	order := make([]int, 0, len(tasks.List))
	for i := range tasks.List[1:] {
		order = append(order, i+1)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(tasks.List[a].TS, tasks.List[b].TS) })
	for _, i := range order {
		t := &tasks.List[i]
		p := l.at(t.PID, t.TS)
		if p == nil && only != nil && calls[i] == 0 {
			continue
		}
		if p == nil {
			p = l.begin(t.PID, t.PPID, t.TS)
		}
		p.Calls += calls[i]
		if t.TID == t.PID || p.Comm == "" {
			p.Comm, p.Container = t.Comm, containers.At(containers.Index(t.Cgroup))
		}
		if p.Filename == "" {
			p.Filename = t.Exe
		}
	}
	return nil
}

// at is the process that had a pid at a time, or else the first that ever had it; nil if none had.
func (l *processList) at(pid int32, ts int64) *process {
	list := l.byPID[pid] // in order of time
	later, _ := slices.BinarySearchFunc(list, ts, func(p *process, ts int64) int {
		if p.from <= ts {
			return -1
		}
		return 1
	})
	switch {
	case len(list) == 0:
		return nil
	case later == 0:
		return list[0]
	}
	return list[later-1]
}

// link finds the parents of those processes whose fork is not in the capture, and makes the lists of children.
func (l *processList) link() {
	slices.SortStableFunc(l.all, func(a, b *process) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.PID, b.PID))
	})
	for _, p := range l.all {
		if parent := l.at(p.PPID, p.from); p.parent == nil && parent != p {
			p.parent = parent
		}
		if p.parent != nil {
			p.parent.children = append(p.parent.children, p)
		}
	}
}
