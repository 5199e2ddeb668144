// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
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

// tableFormat writes the rows of one table into a new file.
type tableFormat func(t *tableJob, path string) error

var tableFormats = map[string]tableFormat{
	"parquet": writeParquet,
	"csv":     writeCSV,
	"jsonl":   writeJSONLines,
	"arrow":   writeArrow,
}

// tableJob is one table of all captures on its way into a file.
type tableJob struct {
	env     *env
	options *options
	set     capture.Set
	name    string
	columns []capture.Column // of the file, but for the one that says which capture
}

func convert(e *env, args []string) (err error) {
	o := &options{Flags: cli.NewFlags("analyze convert", convertUsage)}
	o.withFilter()
	dir := o.StringP("output", "o", "", "")
	force := o.Bool("force", false, "")
	kind := o.String("format", "parquet", "")
	if stop, err := o.parse(e, args); stop {
		return err
	}
	write := tableFormats[*kind]
	switch {
	case *dir == "":
		return o.Wrong("no output given: -o DIR")
	case write == nil:
		return o.Wrong("unknown format %q", *kind)
	}
	set, err := o.openParsed(e)
	if err != nil {
		return err
	}
	defer closing(set, &err)
	out, err := newOutput(*dir, *force)
	if err != nil {
		return err
	}
	defer out.discard()
	if err := convertTables(e, o, set, out, *kind, write); err != nil {
		return err
	}
	return out.publish()
}

func convertTables(e *env, o *options, set capture.Set, out *output, extension string, write tableFormat) error {
	for _, name := range tableNames(set) {
		columns, err := commonColumns(set, name)
		if err != nil {
			return err
		}
		job := &tableJob{e, o, set, name, columns}
		if err := write(job, out.path(name+"."+extension)); err != nil {
			return fmt.Errorf("converting table %s: %w", name, err)
		}
	}
	return nil
}

func tableNames(set capture.Set) []string {
	var names []string
	for _, c := range set {
		for _, t := range c.Tables() {
			names = append(names, t.Schema.Table)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// captureColumn tells the rows of several captures apart.
const captureColumn = "capture"

// commonColumns are the columns that a table has in all captures.
func commonColumns(set capture.Set, name string) ([]capture.Column, error) {
	var columns []capture.Column
	var first *capture.Capture
	for _, c := range set {
		t := c.Table(name)
		switch {
		case t == nil:
		case first == nil:
			first, columns = c, capture.Columns(t.Schema)
		case !slices.Equal(columns, capture.Columns(t.Schema)):
			return nil, cli.WithHint(fmt.Errorf("table %s has other columns in %s than in %s", name, c.Path, first.Path), "convert them one by one")
		}
	}
	return columns, nil
}

// captures are those that have the table.
func (t *tableJob) captures() capture.Set {
	return slices.DeleteFunc(slices.Clone(t.set), func(c *capture.Capture) bool { return c.Table(t.name) == nil })
}

// scan is the reading of the table of one capture, in order. Only events are filtered.
func (t *tableJob) scan(c *capture.Capture) scan {
	schema := c.Table(t.name).Schema
	s := scan{capture: c, table: t.name, columns: schema.Columns, ordered: true}
	if schema.Event() || t.name == format.LossSchema.Table {
		s.filter = t.options.filter
	}
	return s
}
