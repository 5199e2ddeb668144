// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/jsonline"
)

var summaryCommand = cli.Command{
	Name:    "analyze summary",
	Summary: "the first screen of an investigation",
	Description: `Shows on one screen what to look at first: how much of what was recorded and lost, who was busiest,
which calls were slow, which failed, which never returned, which files were read and written most, which connects
failed or were slow, what a seccomp filter denied, and which processes ended badly.`,
	Examples: []cli.Example{
		{Line: "analyze summary incident"},
		{Line: `analyze summary incident -Y 'comm == "nginx"'`, Text: "of one program"},
	},
}

func summary(e *env, args []string) (err error) {
	o := newCommand(summaryCommand)
	n := o.IntP("rows", "n", 5, "at most `N` lines in each list")
	o.withFilter("only events for which `EXPR` holds").withJSON("one object for each capture")
	if stop, err := o.parse(e, args); stop {
		return err
	}
	if *n < 1 {
		return o.Wrong("a list of %d lines shows nothing", *n)
	}
	set, err := o.openParsed(e)
	if err != nil {
		return err
	}
	defer closing(set, &err)
	for i, c := range set {
		s, err := readSummary(e, c, o.filter, *n)
		if err != nil {
			return err
		}
		if o.json {
			err = jsonline.Write(e.stdout, s)
		} else {
			if i > 0 {
				fmt.Fprintln(e.stdout)
			}
			err = s.write(e.stdout)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
