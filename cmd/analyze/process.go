// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/view"
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

	from     int64 // ns since the epoch: it is known from then on
	parent   *process
	children []*process
	drawn    bool // it is in the tree that is printed
}

// startText is when a process began, from the start of the capture on.
func (p *process) startText(start time.Time) string {
	if p.Start == nil || start.IsZero() || p.Start.Before(start) {
		return "before"
	}
	return "+" + strconv.FormatFloat(p.Start.Sub(start).Seconds(), 'f', 3, 64) + "s"
}

// lifetimeText is how long a process that ended lived.
func (p *process) lifetimeText() string {
	if p.End == nil || p.Lifetime <= 0 {
		return "-"
	}
	return view.Nanoseconds.Text(p.Lifetime)
}

// status is how a process ended.
func (p *process) status() string {
	switch {
	case p.ExitCode == nil:
		return "running"
	case p.Signal != 0:
		return capture.Signal(p.Signal)
	}
	return "exit " + strconv.Itoa(int(*p.ExitCode))
}

// command is the command line; a kernel thread has its name in brackets, as ps shows it.
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

// timeOf is a time in ns since the epoch, in UTC.
func timeOf(ns int64) *time.Time {
	t := time.Unix(0, ns).UTC()
	return &t
}
