// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Input is what a view reads.
type Input struct {
	Captures capture.Set
	Filter   *filter.Program  // nil: all rows
	Progress capture.Progress // nil: not reported

	// Crowded is set to true if there was no room for all groups. Rows without a group of their own are in
	// Result.Other.
	Crowded bool

	maxGroups int // that a worker may have, for tests; 0: as many as there is memory for
}

// Grouping says what rows are grouped by, and what is computed for each group. Without keys all rows are one group.
type Grouping struct {
	By    []*Key
	Count []Value
}

// GroupRows groups the rows of a table in several ways, reading the table once. Result i is of groupings[i].
func GroupRows(ctx context.Context, in *Input, table string, groupings ...Grouping) ([]*Result, error) {
	results := make([]*Result, len(groupings))
	for i, g := range groupings {
		var err error
		if results[i], err = newResult(g); err != nil {
			return nil, err
		}
	}
	share := newGroupMemory(ctx)
	defer share.release()
	for n, c := range in.Captures {
		s := &Source{Capture: c, Number: n, ctx: ctx, progress: in.Progress, loaded: map[any]any{}}
		if err := groupOne(s, in, table, results, share); err != nil {
			return nil, err
		}
	}
	for _, r := range results {
		in.Crowded = in.Crowded || r.other != nil
	}
	return results, nil
}

// groupOne adds the rows of one capture to the results.
func groupOne(s *Source, in *Input, table string, results []*Result, share *groupMemory) error {
	scan := &capture.Scan{Capture: s.Capture, Table: table, Columns: columnsOf(table, results), Filter: in.Filter,
		Progress: in.Progress}
	workers := make([]*worker, scan.Workers())
	for i := range workers {
		var err error
		if workers[i], err = newWorker(s, results, share, in.maxGroups); err != nil {
			return err
		}
	}
	err := scan.Run(s.ctx, func(i int, b *format.Batch) error { return workers[i].add(b) })
	if err != nil {
		return err
	}
	for n, w := range workers {
		for i, g := range w.partials {
			results[i].merge(g)
		}
		workers[n] = nil
	}
	return nil
}

// columnsOf returns the columns that keys, aggregates and conditions read, in their order in the table.
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
	if needed["duration_ns"] && schema.Of(table).Index("nr") >= 0 {
		needed["nr"] = true // for forgetZeros
	}
	var names []string
	for _, c := range schema.Of(table).Columns {
		if needed[c.Name] {
			names = append(names, c.Name)
			delete(needed, c.Name)
		}
	}
	for name := range needed {
		panic("table " + table + " has no column " + name) // the declaration of a key or value is wrong
	}
	return schema.Of(table).Select(names...)
}
