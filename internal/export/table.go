// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"fmt"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
)

// Table is one table of all captures, to be written into one file.
type Table struct {
	Name    string
	Columns []capture.Column // without captureColumn

	captures capture.Set
	ctx      context.Context // of Job.Run
	filter   *filter.Program
	progress capture.Progress
}

// captureColumn is the name of the column that says which capture a row is from, if there are several captures.
const captureColumn = "capture"

// hasCaptureColumn reports whether the file has captureColumn, as its first column.
func (t *Table) hasCaptureColumn() bool { return len(t.captures) > 1 }

// addColumns gives the tables of captures of different versions the same columns: those that one lacks are 0 or empty.
func addColumns(set capture.Set) {
	all := map[string][]format.Column{} // by table
	for _, c := range set {
		for _, t := range c.Tables() {
			all[t.Schema.Table] = append(all[t.Schema.Table], t.Schema.Columns...)
		}
	}
	for _, c := range set {
		for _, t := range c.Tables() {
			t.AddColumns(all[t.Schema.Table]...)
		}
	}
}

// commonColumns returns the columns of a table. They must be the same in all captures that have the table.
func commonColumns(set capture.Set, name string) ([]capture.Column, error) {
	var columns []capture.Column
	var first *capture.Capture
	for _, c := range set {
		t := c.Table(name)
		switch {
		case t == nil:
		case first == nil:
			first, columns = c, c.Columns(t.Schema)
		case !sameColumns(columns, c.Columns(t.Schema)):
			err := fmt.Errorf("table %s has other columns in %s than in %s", name, c.Path, first.Path)
			return nil, cli.WithHint(err, "convert them one by one")
		}
	}
	return columns, nil
}

// sameColumns reports whether both have the same columns, in any order.
func sameColumns(a, b []capture.Column) bool {
	lacks := func(list []capture.Column) func(c capture.Column) bool {
		return func(c capture.Column) bool { return !slices.Contains(list, c) }
	}
	return len(a) == len(b) && !slices.ContainsFunc(a, lacks(b))
}

// capturesWithTable returns the captures that have the table.
func (t *Table) capturesWithTable() capture.Set {
	lacks := func(c *capture.Capture) bool { return c.Table(t.Name) == nil }
	return slices.DeleteFunc(slices.Clone(t.captures), lacks)
}

// scan returns a scan of the table in one capture, in its order. Only events and losses are filtered.
func (t *Table) scan(c *capture.Capture) *capture.Scan {
	schema := c.Table(t.Name).Schema
	s := &capture.Scan{Capture: c, Table: t.Name, Columns: schema.Columns, Ordered: true, Progress: t.progress}
	if schema.Event() || t.Name == format.LossSchema.Table {
		s.Filter = t.filter
	}
	return s
}
