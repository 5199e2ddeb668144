// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/term"
)

var processesCommand = cli.Command{
	Name:    "analyze processes",
	Summary: "who ran what, as a tree",
	Description: `Shows who ran what as a tree: when each process began (from the start of the capture; "before" is not
known exactly), how long it lived, how it ended, how many system calls it made, how much CPU time it used while it was
recorded, the most memory that it ever had, and its last command line. What was not recorded is "-". With -Y it shows
processes with an event of any family or a call that matches, as they are without it, and counts the calls that match.`,
	Examples: []cli.Example{
		{Line: "analyze processes incident"},
		{Line: "analyze processes incident --json | jq '.[] | select(.exit_code > 0)'", Text: "those that failed"},
	},
}

func processes(e *env, args []string) (err error) {
	o := newCommand(processesCommand).
		withFilter("only processes with an event or a call for which `EXPR` holds, and only these calls").
		withJSON("an array of one object for each process, its parent as ppid; what is not known is null, " +
			"a lifetime -1")
	set, err := o.open(e, args)
	if set == nil {
		return err
	}
	defer closeCaptures(set, &err)
	e.warnNotRecorded(set, "process", "syscall")
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
		if err := writeTree(e.stdout, list, c.Manifest.Start, o.filter != nil); err != nil {
			return err
		}
		e.notePartial(e.stdout, capture.Set{c}, "process", "syscall")
	}
	if o.json {
		e.notePartial(e.stderr, set, "process", "syscall")
		return jsonline.WriteArray(e.stdout, len(all), func(i int) any { return all[i] })
	}
	return nil
}
