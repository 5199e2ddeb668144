// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// process is one process. If a pid is reused, each use is a process of its own.
type process struct {
	Capture   string     `json:"capture,omitempty"`
	PID       int32      `json:"pid"`
	PPID      int32      `json:"ppid"`
	Start     *time.Time `json:"start"`       // null: unknown
	End       *time.Time `json:"end"`         // null: it did not end, or that was lost or not recorded
	Lifetime  int64      `json:"lifetime_ns"` // -1: as End, or unknown
	ExitCode  *int32     `json:"exit_code"`   // null as End
	Signal    *int32     `json:"signal"`      // the signal that killed it; 0: none; null as End
	Calls     *int64     `json:"syscalls"`    // null: calls were not recorded
	CPU       *int64     `json:"cpu_ns"`      // used while it was recorded; null: unknown; likewise:
	User      *int64     `json:"utime_ns"`
	System    *int64     `json:"stime_ns"`
	Faults    *int64     `json:"major_faults"`
	Memory    *int64     `json:"rss_max"` // the most that it ever had, bytes
	Comm      string     `json:"comm"`
	Filename  string     `json:"filename"` // of the program
	Args      []string   `json:"args"`
	Container string     `json:"container"` // "": none

	from     int64         // time of its first event or of its task, in ns since the Unix epoch
	unknown  bool          // when it began and whether it ended, because events of processes were not recorded
	lost     bool          // it ended, because its pid was used again, but that was lost
	listed   bool          // an event or a call of it matches the filter
	begun    bool          // an event shows that it began, or that it was there
	ending   *processEvent // nil: it did not end
	before   used          // what it had used when the recording began
	parent   *process
	children []*process
	drawn    bool // used by drawTree
}

// startText is when a process began, as the time since the start of the capture.
func (p *process) startText(start time.Time) string {
	switch {
	case p.unknown:
		return "-"
	case !p.startedAfter(start) || start.IsZero():
		return "before"
	}
	return "+" + strconv.FormatFloat(p.Start.Sub(start).Seconds(), 'f', 3, 64) + "s"
}

// startedAfter reports whether it is known that a process began at a time or later.
func (p *process) startedAfter(t time.Time) bool { return p.Start != nil && !p.Start.Before(t) }

// callsText is the number of calls, "-" if calls were not recorded.
func (p *process) callsText() string {
	if p.Calls == nil {
		return "-"
	}
	return term.Count(*p.Calls)
}

// setUsed sets what a process has used by the end of the recording, or its own.
func (p *process) setUsed(u used) {
	for _, n := range []struct {
		to            **int64
		before, after int64
	}{
		{&p.CPU, p.before.cpu, u.cpu}, {&p.User, p.before.user, u.user}, {&p.System, p.before.system, u.system},
		{&p.Faults, p.before.faults, u.faults}, {&p.Memory, 0, u.memory},
	} {
		if n.before >= 0 && n.after >= 0 {
			since := max(n.after-n.before, 0) // the kernel's shares of user and system change with its ticks
			*n.to = &since
		}
	}
}

// cpuText is the CPU time of a process, "-" if it is not known.
func (p *process) cpuText() string {
	if p.CPU == nil {
		return "-"
	}
	return view.Nanoseconds.Text(*p.CPU)
}

// memoryText is the most memory that a process had, "-" if it is not known.
func (p *process) memoryText() string {
	if p.Memory == nil {
		return "-"
	}
	return term.Bytes(*p.Memory)
}

// lifetimeText is the lifetime of a process, "-" if it did not end.
func (p *process) lifetimeText() string {
	if p.End == nil || p.Lifetime <= 0 {
		return "-"
	}
	return view.Nanoseconds.Text(p.Lifetime)
}

// status is how a process ended.
func (p *process) status() string {
	switch {
	case p.unknown:
		return "-"
	case p.lost:
		return "?"
	case p.ExitCode == nil:
		return "running"
	case *p.Signal != 0:
		return capture.Signal(*p.Signal)
	}
	return "exit " + strconv.Itoa(int(*p.ExitCode))
}

// command is the command line, or else what is known: the file name of the program, or comm in brackets, as ps shows
// kernel threads.
func (p *process) command() string {
	if len(p.Args) == 0 {
		if p.Filename != "" {
			return p.Filename
		}
		if p.Comm == "" {
			return "?"
		}
		return "[" + p.Comm + "]"
	}
	return commandLine(p.Args)
}

// timeOf converts a time in ns since the Unix epoch to UTC.
func timeOf(ns int64) *time.Time {
	t := time.Unix(0, ns).UTC()
	return &t
}

// commandLine joins arguments, quoted as a shell needs them.
func commandLine(args []string) string {
	quoted := slices.Clone(args)
	for i, arg := range quoted {
		if arg == "" || strings.ContainsAny(arg, " \"'\\$`|&;<>()*?#") {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
