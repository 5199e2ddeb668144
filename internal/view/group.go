// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Input is what is read.
type Input struct {
	Captures capture.Set
	Filter   *filter.Program  // nil: all rows
	Progress capture.Progress // nil: nobody is told

	limit int // groups of one worker; 0: maxGroups
}

// maxGroups bounds what a capture can make a view keep.
const maxGroups = 1 << 22

// Grouping says by what rows are grouped, and what is counted of each group. Without a key all rows are one group.
type Grouping struct {
	By    []*Key
	Count []Value
}

// GroupRows makes several groupings of the rows of a table in one reading.
func GroupRows(ctx context.Context, in *Input, table string, groupings ...Grouping) ([]*Result, error) {
	results := make([]*Result, len(groupings))
	for i, g := range groupings {
		var err error
		if results[i], err = newResult(g); err != nil {
			return nil, err
		}
	}
	for n, c := range in.Captures {
		s := &Source{Capture: c, Number: n, ctx: ctx, progress: in.Progress, known: map[any]any{}}
		if err := groupOne(s, in, table, results); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// groupOne adds the rows of one capture to the results.
func groupOne(s *Source, in *Input, table string, results []*Result) error {
	scan := &capture.Scan{Capture: s.Capture, Table: table, Columns: columnsOf(table, results), Filter: in.Filter,
		Progress: in.Progress}
	workers := make([]*worker, scan.Workers())
	for i := range workers {
		var err error
		if workers[i], err = newWorker(s, results, in.limit); err != nil {
			return err
		}
	}
	err := scan.Run(s.ctx, func(i int, b *format.Batch) error { return workers[i].add(b) })
	if err != nil {
		return err
	}
	for _, w := range workers {
		for i, g := range w.groupings {
			results[i].merge(g)
		}
	}
	return nil
}

// columnsOf are the columns that must be read, in their order in the table.
func columnsOf(table string, results []*Result) []format.Column {
	needed := map[string]bool{}
	need := func(names []string) {
		for _, name := range names {
			needed[name] = true
		}
	}
	for _, r := range results {
		for _, k := range r.keys {
			need(k.Columns)
		}
		for _, a := range r.aggregates {
			need(a.columns())
			need(a.where().columns())
		}
	}
	var names []string
	for _, c := range schema.Of(table).Columns {
		if needed[c.Name] {
			names = append(names, c.Name)
			delete(needed, c.Name)
		}
	}
	for name := range needed {
		panic("table " + table + " has no column " + name) // a defect of the declaration
	}
	return schema.Of(table).Select(names...)
}
