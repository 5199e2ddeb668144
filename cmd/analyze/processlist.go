// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"path"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// readProcesses returns the processes of a capture, sorted by process.from; with a filter those of which an event or a
// call matches.
func readProcesses(e *env, c *capture.Capture, p *filter.Program) ([]*process, error) {
	l, err := newProcessList(e, c, p, true)
	if err != nil {
		return nil, err
	}
	l.link()
	return slices.DeleteFunc(l.all, func(p *process) bool { return !p.listed }), nil
}

// newProcessList makes a list of all processes. Those are listed of which an event or a call matches the filter. Calls
// are only counted if counted is set or there is a filter.
func newProcessList(e *env, c *capture.Capture, p *filter.Program, counted bool) (*processList, error) {
	events, err := readProcessEvents(e, c, p)
	if err != nil {
		return nil, err
	}
	tasks, err := c.Tasks()
	if err != nil {
		return nil, err
	}
	const ofTaskBytes = 16 // its place in two slices
	if err := budget.Of(e.ctx).Reserve("the processes of the capture", ofTaskBytes*int64(len(tasks.List))); err != nil {
		return nil, err
	}
	l := &processList{latest: map[int32]*process{}, byPID: map[int32][]*process{}, command: c.Manifest.Command,
		byName: c.Manifest.Selection.WithoutArgs()}
	for i := range events {
		l.apply(&events[i])
	}
	if err := l.join(e, c, tasks); err != nil {
		return nil, err
	}
	known := recorded(c, "process")
	for _, one := range l.all {
		one.unknown = !known
		one.listed = one.listed || p == nil
	}
	if p != nil || counted {
		err = l.count(e, c, tasks, p)
	}
	return l, err
}

// processList has the processes of a capture. It is built from events in order of time.
type processList struct {
	all    []*process
	latest map[int32]*process   // by pid: the process that has the pid now, or had it last
	byPID  map[int32][]*process // by pid: all processes that had it
	ofTask []*process           // by index in capture.Tasks.List

	command []string // of the manifest, until its process has been found
	byName  bool     // the capture has no arguments, and only the command's name
}

// begin adds a process whose first event or task is at the time from, in ns since the Unix epoch.
func (l *processList) begin(pid, ppid int32, from int64) *process {
	p := &process{PID: pid, PPID: ppid, Args: []string{}, from: from, Lifetime: -1, before: unknownUse}
	if before := l.latest[pid]; before != nil && before.End == nil {
		before.lost = true
	}
	l.latest[pid] = p
	l.byPID[pid] = append(l.byPID[pid], p)
	l.all = append(l.all, p)
	return p
}

// current returns the process of an event. If it is not known, because its beginning was lost, it begins here.
func (l *processList) current(ev *processEvent) *process {
	if p := l.latest[ev.pid]; p != nil && p.End == nil {
		return p
	}
	return l.begin(ev.pid, ev.ppid, ev.ts)
}

// apply adds an event.
func (l *processList) apply(ev *processEvent) {
	var p *process
	switch ev.op {
	case "snapshot":
		known := l.latest[ev.pid] != nil && l.latest[ev.pid].End == nil
		if p = l.current(ev); !known { // each generation has a snapshot: the first one counts
			p.Filename, p.Args = ev.filename, ev.args
			p.begun, p.before = true, ev.used
		}
	case "fork":
		p = l.begin(ev.pid, ev.ppid, ev.ts)
		p.Start = timeOf(ev.ts)
		p.begun, p.before = true, used{}
		if parent := l.latest[ev.ppid]; parent != nil && parent != p {
			p.parent = parent
			p.Filename, p.Args, p.Comm = parent.Filename, parent.Args, parent.Comm
		}
	case "exec":
		p = l.current(ev)
		p.Filename, p.Args = ev.filename, ev.args
		if !p.begun && l.isCommand(ev) {
			l.command = nil
			p.Start = timeOf(ev.ts) // the fork is not recorded
			p.begun, p.before = true, used{}
		}
	case "end":
		p = l.current(ev)
		p.setUsed(ev.used)
	case "exit":
		p = l.exited(ev)
		p.setUsed(ev.used)
		p.End, p.ExitCode, p.Signal = timeOf(ev.ts), &ev.exitCode, &ev.signal
		p.ending = ev
		if ev.duration > 0 {
			p.Lifetime = ev.duration
			if p.Start == nil {
				p.Start = timeOf(ev.ts - ev.duration)
			}
		}
	}
	p.listed = p.listed || ev.matches
}

// isCommand reports whether the exec of a process that did not begin in the capture is that of the command. A script
// has its interpreter before its arguments.
func (l *processList) isCommand(ev *processEvent) bool {
	if l.byName && len(l.command) > 0 {
		return path.Base(ev.filename) == path.Base(l.command[0])
	}
	if len(l.command) == 0 || len(ev.args) < len(l.command) {
		return false
	}
	arguments := l.command[1:]
	return slices.Equal(ev.args[len(ev.args)-len(arguments):], arguments)
}

// exited returns the process that an exit is of. A process whose last threads end together has two exits in captures of
// format 1.1: the later one counts. It is the same process if it began before that of the earlier one ended.
func (l *processList) exited(ev *processEvent) *process {
	if p := l.latest[ev.pid]; p != nil && p.End != nil && ev.duration > 0 && ev.ts-ev.duration < p.End.UnixNano() {
		return p
	}
	return l.current(ev)
}

// join adds what comes from tasks: names and containers. It also adds processes without events.
func (l *processList) join(e *env, c *capture.Capture, tasks *capture.Tasks) error {
	containers, err := c.Texts("cgroup", "container")
	if err != nil {
		return err
	}
	l.ofTask = make([]*process, len(tasks.List))
	order := make([]int, 0, len(tasks.List))
	for i := range tasks.List[1:] {
		order = append(order, i+1)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(tasks.List[a].TS, tasks.List[b].TS) })
	memory, begun := budget.Of(e.ctx).Account("the processes of the capture"), 0
	for _, i := range order {
		t := &tasks.List[i]
		p := l.find(t.PID, t.TS)
		if p == nil {
			if begun%budget.AccountStep == 0 {
				if err := memory.Set(processBytes * int64(begun+budget.AccountStep)); err != nil {
					return err
				}
			}
			begun++
			p = l.begin(t.PID, t.PPID, t.TS)
		}
		l.ofTask[i] = p
		if t.TID == t.PID || p.Comm == "" {
			p.Comm, p.Container = t.Comm, containers.At(containers.Index(t.Cgroup))
		}
		if p.Filename == "" {
			p.Filename = t.Exe
		}
	}
	return nil
}

var taskColumn = schema.Of("syscall").Select("task")

// count counts the calls of each process that match a filter. With a filter it also lists the processes with events of
// any family that match.
func (l *processList) count(e *env, c *capture.Capture, tasks *capture.Tasks, p *filter.Program) error {
	if recorded(c, "syscall") {
		for _, one := range l.all {
			one.Calls = new(int64)
		}
	}
	for _, table := range c.Tables() {
		name := table.Schema.Table
		calls := name == "syscall"
		ofTask := table.Schema.Event() && slices.Contains(table.Schema.Columns, taskColumn[0])
		if !ofTask || name == "process" || p == nil && !calls {
			continue
		}
		rows, err := countRows(e, c, name, tasks, p)
		if err != nil {
			return err
		}
		for i, one := range l.ofTask {
			if one == nil {
				continue // the unknown task
			}
			one.listed = one.listed || rows[i] > 0
			if calls && one.Calls != nil {
				*one.Calls += rows[i]
			}
		}
	}
	return nil
}

// find returns the process that had a pid at a time, or if there was none, the first that had it later. It returns nil
// if no process had it.
func (l *processList) find(pid int32, ts int64) *process {
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

// link sorts all processes, finds the parents of those whose fork is not in the capture, and makes the lists of those
// children that are listed below their parent.
func (l *processList) link() {
	slices.SortStableFunc(l.all, func(a, b *process) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.PID, b.PID))
	})
	for _, p := range l.all {
		if parent := l.find(p.PPID, p.from); p.parent == nil && parent != p {
			p.parent = parent
		}
		if p.parent != nil && !p.parent.listed {
			p.parent = nil
		}
		if p.parent != nil && p.listed {
			p.parent.children = append(p.parent.children, p)
		}
	}
}

// countRows counts the rows of a table of events that match, of each task, by index in tasks.List.
func countRows(e *env, c *capture.Capture, table string, tasks *capture.Tasks, p *filter.Program) ([]int64, error) {
	counts := make([][]int64, e.workers())
	taken := 8 * int64((e.workers()+1)*len(tasks.List))
	if err := budget.Of(e.ctx).Reserve("the calls of each task", taken); err != nil {
		return nil, err
	}
	defer budget.Of(e.ctx).Release(taken)
	s := e.scan(c, table, taskColumn, p)
	err := s.Run(e.ctx, func(worker int, b *format.Batch) error {
		if counts[worker] == nil {
			counts[worker] = make([]int64, len(tasks.List))
		}
		n := counts[worker]
		for _, task := range b.Column("task").I32 {
			n[tasks.Index(task)]++
		}
		return nil
	})
	sum := make([]int64, len(tasks.List))
	for _, n := range counts {
		for i := range n {
			sum[i] += n[i]
		}
	}
	return sum, err
}
