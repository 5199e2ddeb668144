// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
)

// process is one process; a pid that was used again is another one.
type process struct {
	Capture   string     `json:"capture,omitempty"`
	PID       int32      `json:"pid"`
	PPID      int32      `json:"ppid"`
	Start     *time.Time `json:"start"`       // null: not known
	End       *time.Time `json:"end"`         // null: it did not end
	Lifetime  int64      `json:"lifetime_ns"` // 0: it did not end
	ExitCode  *int32     `json:"exit_code"`   // null: it did not end
	Signal    int32      `json:"signal"`      // what killed it; 0: nothing did
	Calls     int64      `json:"syscalls"`
	Comm      string     `json:"comm"`
	Filename  string     `json:"filename"` // of the program
	Args      []string   `json:"args"`
	Container string     `json:"container"` // "": in none

	from     int64 // ns; it is known from then on
	parent   *process
	children []*process
	drawn    bool
}

// What processes of one capture may take in memory.
const (
	maxEvents    = 1 << 24
	maxTextBytes = 1 << 30
)

var processColumns = []format.Column{
	{Name: "ts", Type: format.Timestamp}, {Name: "op", Type: format.String}, {Name: "pid", Type: format.Int32},
	{Name: "ppid", Type: format.Int32}, {Name: "filename", Type: format.String}, {Name: "args", Type: format.StringList},
	{Name: "exit_code", Type: format.Int32}, {Name: "signal", Type: format.Int32}, {Name: "duration_ns", Type: format.Int64},
}

// processEvent is one row of the table process.
type processEvent struct {
	ts               int64
	op               string
	pid, ppid        int32
	filename         string
	args             []string
	exitCode, signal int32
	duration         int64
}

// ops in the order in which they come at one moment.
var ops = []string{"snapshot", "fork", "exec", "exit"}

// readProcesses makes the processes of a capture, in the order in which they began.
func readProcesses(e *env, c *capture.Capture, p *filter.Program) ([]*process, error) {
	events, err := readProcessEvents(e, c, p)
	if err != nil {
		return nil, err
	}
	f := &family{now: map[int32]*process{}, byPID: map[int32][]*process{}}
	for i := range events {
		f.apply(&events[i])
	}
	if err := f.join(e, c, p); err != nil {
		return nil, err
	}
	f.link()
	return f.all, nil
}

func readProcessEvents(e *env, c *capture.Capture, p *filter.Program) ([]processEvent, error) {
	var events []processEvent
	bytes := 0
	s := e.scan(c, "process", processColumns, p)
	s.Ordered = true
	err := s.Run(e.ctx, func(_ int, b *format.Batch) error {
		for i := range b.Rows {
			ev := processEvent{
				ts: b.Column("ts").I64[i], op: b.Column("op").Str.At(i), pid: b.Column("pid").I32[i], ppid: b.Column("ppid").I32[i],
				exitCode: b.Column("exit_code").I32[i], signal: b.Column("signal").I32[i], duration: b.Column("duration_ns").I64[i],
			}
			if !slices.Contains(ops, ev.op) {
				continue // of a newer minor version
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
		return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(slices.Index(ops, a.op), slices.Index(ops, b.op)))
	})
	return events, err
}

// family is the processes of a capture as they come to be.
type family struct {
	all   []*process
	now   map[int32]*process   // the one that has a pid now, or had it last
	byPID map[int32][]*process // all that ever had it
}

func (f *family) begin(pid, ppid int32, from int64) *process {
	p := &process{PID: pid, PPID: ppid, Args: []string{}, from: from}
	f.now[pid] = p
	f.byPID[pid] = append(f.byPID[pid], p)
	f.all = append(f.all, p)
	return p
}

// known is the process that an event is about; one whose beginning was lost begins with it.
func (f *family) known(ev *processEvent) *process {
	if p := f.now[ev.pid]; p != nil && p.End == nil {
		return p
	}
	return f.begin(ev.pid, ev.ppid, ev.ts)
}

func (f *family) apply(ev *processEvent) {
	switch ev.op {
	case "snapshot":
		p := f.known(ev)
		p.Filename, p.Args = ev.filename, ev.args
	case "fork":
		p := f.begin(ev.pid, ev.ppid, ev.ts)
		p.Start = moment(ev.ts)
		if parent := f.now[ev.ppid]; parent != nil && parent != p {
			p.parent = parent
			p.Filename, p.Args, p.Comm = parent.Filename, parent.Args, parent.Comm
		}
	case "exec":
		p := f.known(ev)
		p.Filename, p.Args = ev.filename, ev.args
	case "exit":
		p := f.known(ev)
		p.End, p.Lifetime, p.ExitCode, p.Signal = moment(ev.ts), ev.duration, &ev.exitCode, ev.signal
		if p.Start == nil && ev.duration > 0 {
			p.Start = moment(ev.ts - ev.duration)
		}
	}
}

func moment(ns int64) *time.Time {
	t := time.Unix(0, ns).UTC()
	return &t
}

// join adds what the tasks know: names, containers and the number of calls; and the processes of which nothing else is
// known. Where a filter is, these must have made a call that it lets through.
func (f *family) join(e *env, c *capture.Capture, only *filter.Program) error {
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
		p := f.at(t.PID, t.TS)
		if p == nil && only != nil && calls[i] == 0 {
			continue
		}
		if p == nil {
			p = f.begin(t.PID, t.PPID, t.TS)
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

// at is the process that had pid at a moment, or else the first that ever had it; nil if none had.
func (f *family) at(pid int32, ts int64) *process {
	list := f.byPID[pid] // in order of time
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

// link finds parents that were there before, and makes the lists of children.
func (f *family) link() {
	slices.SortStableFunc(f.all, func(a, b *process) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.PID, b.PID)) })
	for _, p := range f.all {
		if parent := f.at(p.PPID, p.from); p.parent == nil && parent != p {
			p.parent = parent
		}
		if p.parent != nil {
			p.parent.children = append(p.parent.children, p)
		}
	}
}

// countByTask counts the calls of each identity, by its place in the list.
func countByTask(e *env, c *capture.Capture, tasks *capture.Tasks, p *filter.Program) ([]int64, error) {
	counts := make([][]int64, e.workers())
	s := e.scan(c, "syscall", []format.Column{{Name: "task", Type: format.Int32}}, p)
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
