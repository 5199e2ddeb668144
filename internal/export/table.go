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

// Table is one table of all captures, on its way into a file.
type Table struct {
	Name    string
	Columns []capture.Column // but for the one that tells the captures apart

	captures capture.Set
	ctx      context.Context // of the job
	filter   *filter.Program
	progress capture.Progress
}

// captureColumn is the name of the column that tells the rows of several captures apart.
const captureColumn = "capture"

// several says whether the file has the column that tells the captures apart.
func (t *Table) several() bool { return len(t.captures) > 1 }

// commonColumns are the columns that a table has in all captures.
func commonColumns(set capture.Set, name string) ([]capture.Column, error) {
	var columns []capture.Column
	var first *capture.Capture
	for _, c := range set {
		t := c.Table(name)
		switch {
		case t == nil:
		case first == nil:
			first, columns = c, c.Columns(t.Schema)
		case !slices.Equal(columns, c.Columns(t.Schema)):
			err := fmt.Errorf("table %s has other columns in %s than in %s", name, c.Path, first.Path)
			return nil, cli.WithHint(err, "convert them one by one")
		}
	}
	return columns, nil
}

// having are the captures that have the table.
func (t *Table) having() capture.Set {
	lacks := func(c *capture.Capture) bool { return c.Table(t.Name) == nil }
	return slices.DeleteFunc(slices.Clone(t.captures), lacks)
}

// scan reads the table of one capture, in order. Only events and losses are filtered.
func (t *Table) scan(c *capture.Capture) *capture.Scan {
	schema := c.Table(t.Name).Schema
	s := &capture.Scan{Capture: c, Table: t.Name, Columns: schema.Columns, Ordered: true, Progress: t.progress}
	if schema.Event() || t.Name == format.LossSchema.Table {
		s.Filter = t.filter
	}
	return s
}
