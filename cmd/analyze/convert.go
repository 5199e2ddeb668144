// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/export"
)

var convertCommand = cli.Command{
	Name:    "analyze convert",
	Summary: "tables as files for databases and notebooks",
	Acts:    true,
	Description: `Writes each table into one file for notebooks and databases. Events get the comm, pid and tid of
their task, and calls and files their name. Of several captures the rows follow each other, with a column that says
which one they are of.`,
	Usage: []string{"CAPTURE... -o DIR [flags]"},
	Notes: []cli.Note{
		{Head: "Files", Text: `They can be read by those who can read all of the captures, less what the umask
takes away: of a capture that record wrote they have mode 0600, in a directory of 0700.`},
		{Head: "CSV", Text: `Names in a capture are chosen by others, and spreadsheets calculate what looks like a
formula. So a text that begins with = + - @ or ', behind spaces and quotes too, gets a ' in front, and likewise what
follows a semicolon in it. Control characters are \xNN. Numbers are as they are.`},
	},
	Examples: []cli.Example{
		{Line: "analyze convert incident -o tables"},
		{Line: `analyze convert monday tuesday -o week --format csv -Y 'comm == "nginx"'`,
			Text: "two captures, one program"},
		{Line: `duckdb -c "select name, count(*) from 'tables/syscall.parquet' group by name"`,
			Text: "query the result"},
	},
}

func convert(e *env, args []string) (err error) {
	o := newCommand(convertCommand)
	dir := o.StringP("output", "o", "", "the files go into `DIR`: a new directory or an empty one")
	o.Path("output")
	force := o.Bool("force", false, "also into one that has files; those of the same name are replaced")
	var formats []cli.Term
	for _, d := range export.Formats() {
		formats = append(formats, cli.Term{Name: d.Name, Text: d.Help})
	}
	name := o.String("format", "parquet", "write `FORMAT`: "+cli.Or(formats...))
	o.OneOf("format", formats...)
	o.withFilter("only rows for which `EXPR` holds; tables that are no events (task, path, cgroup) stay whole")
	if stop, err := o.parse(e, args); stop {
		return err
	}
	format := export.Lookup(*name)
	switch {
	case *dir == "":
		return o.Wrong("no output given: -o DIR")
	case format == nil:
		return o.Wrong("unknown format %q", *name)
	}
	set, err := o.openParsed(e)
	if err != nil {
		return err
	}
	defer closeCaptures(set, &err)
	job := &export.Job{Captures: set, Filter: o.filter, Format: format, Dir: *dir, Replace: *force,
		Progress: e.progress}
	return job.Run(e.ctx)
}
