// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

var processesCommand = cli.Command{
	Name:    "analyze processes",
	Summary: "who ran what, as a tree",
	Description: `Shows who ran what as a tree: when each process began (from the start of the capture; "before" is not
known exactly), how long it lived, how it ended, how many system calls it made, and its command line.`,
	Examples: []cli.Example{
		{Line: "analyze processes incident"},
		{Line: "analyze processes incident --json | jq '.[] | select(.exit_code > 0)'", Text: "those that failed"},
	},
}

func processes(e *env, args []string) (err error) {
	o := newCommand(processesCommand).withFilter("only what the events and calls for which `EXPR` holds tell").
		withJSON("an array of one object for each process, its parent as ppid")
	set, err := o.open(e, args)
	if set == nil {
		return err
	}
	defer closing(set, &err)
	all := []*process{}
	for i, c := range set {
		list, err := readProcesses(e, c, o.filter)
		if err != nil {
			return err
		}
		for _, p := range list {
			p.Capture = set.Label(c)
		}
		if o.json {
			all = append(all, list...)
			continue
		}
		if len(set) > 1 {
			fmt.Fprintf(e.stdout, "%s%s:\n", strings.Repeat("\n", min(i, 1)), term.Escape(c.Path))
		}
		if err := writeTree(e.stdout, list, c.Manifest.Start); err != nil {
			return err
		}
	}
	if o.json {
		return jsonline.Write(e.stdout, all)
	}
	return nil
}

// maxDepth bounds the drawing of a tree; what is deeper stays at that depth.
const maxDepth = 40

// writeTree draws processes, which come in order of time.
func writeTree(w io.Writer, list []*process, start time.Time) error {
	t := term.NewTable(">pid", ">start", ">lifetime", "status", ">calls", "command")
	for _, p := range list {
		if p.parent == nil {
			drawTree(t, p, start)
		}
	}
	for _, p := range list { // parents of each other, in a capture that somebody made up
		drawTree(t, p, start)
	}
	if t.Len() == 0 {
		_, err := fmt.Fprintln(w, "no processes were recorded")
		return err
	}
	return t.Write(w, "")
}

// branch is a process that is to be drawn.
type branch struct {
	p      *process
	indent string
	last   bool // of its parent's children
}

// drawTree draws root and all below it, unless that was done. It does not recurse: a tree can be as deep as a capture
// is long.
func drawTree(t *term.Table, root *process, start time.Time) {
	for todo := []branch{{p: root}}; len(todo) > 0; {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		p := b.p
		if p.drawn {
			continue
		}
		p.drawn = true
		mark, below := "", ""
		switch {
		case p == root:
		case b.last:
			mark, below = "└─ ", "   "
		default:
			mark, below = "├─ ", "│  "
		}
		t.Row(strconv.Itoa(int(p.PID)), p.startText(start), p.lifetimeText(), p.status(), term.Count(p.Calls), b.indent+mark+p.command())
		if len(b.indent) < maxDepth*len(below) {
			b.indent += below
		}
		for i, child := range slices.Backward(p.children) {
			todo = append(todo, branch{child, b.indent, i == len(p.children)-1})
		}
	}
}

func (p *process) startText(start time.Time) string {
	if p.Start == nil || start.IsZero() || p.Start.Before(start) {
		return "before"
	}
	return "+" + strconv.FormatFloat(p.Start.Sub(start).Seconds(), 'f', 3, 64) + "s"
}

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

// commandLine joins arguments, in quotes where a shell would need them.
func commandLine(args []string) string {
	quoted := slices.Clone(args)
	for i, arg := range quoted {
		if arg == "" || strings.ContainsAny(arg, " \"'\\$`|&;<>()*?#") {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
