// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/export"
)

const convertUsage = `example:
    analyze convert incident -o tables
    analyze convert monday tuesday -o week --format csv -Y 'comm == "nginx"'
    duckdb -c "select name, count(*) from 'tables/syscall.parquet' group by name"

Writes each table into one file for notebooks and databases. Events get the comm,
pid and tid of their task, and calls and files their name. Of several captures
the rows follow each other, with a column that says which one they are of.

usage:
    analyze convert CAPTURE... -o DIR [flags]

flags:
    -o, --output DIR     where the files go: a new directory or an empty one
        --force          also into one that has files; those of the same name are
                         replaced
        --format FORMAT  parquet, csv, jsonl or arrow (default parquet)
    -Y, --filter EXPR    only rows for which EXPR holds; tables that are no events
                         (task, path, cgroup) stay whole
`

func convert(e *env, args []string) (err error) {
	o := &options{Flags: cli.NewFlags("analyze convert", convertUsage)}
	o.withFilter()
	dir := o.StringP("output", "o", "", "")
	force := o.Bool("force", false, "")
	name := o.String("format", "parquet", "")
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
	defer closing(set, &err)
	job := &export.Job{Captures: set, Filter: o.filter, Format: format, Dir: *dir, Replace: *force,
		Progress: e.progress}
	return job.Run(e.ctx)
}
