// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
)

// columns collects the columns that the text of a table's rows is made of.
type columns struct {
	capture *capture.Capture
	table   *format.Schema
	used    []*capture.Accessor // all columns that were returned
	// incomplete says that byName or has was called for a column that the table lacks or has with another type.
	incomplete bool
	err        error // of reading a dimension
}

// byName returns the column of the table with that name, nil if has returns false.
func (c *columns) byName(name string) *capture.Accessor {
	if !c.has(name) {
		return nil
	}
	return c.column(c.table.Columns[c.table.Index(name)])
}

// has sets c.incomplete if the table lacks a column, or has it with another type than the schema of this version. It
// returns false once c.incomplete is set.
func (c *columns) has(name string) bool {
	column := schema.Of(c.table.Table).Select(name)
	c.incomplete = c.incomplete || c.table.Check(column...) != nil
	return !c.incomplete
}

// stored reports whether the capture has a column. Those that it lacks read as 0 or empty.
func (c *columns) stored(name string) bool {
	t := c.capture.Table(c.table.Table)
	return t != nil && slices.Contains(t.Stored(), schema.Of(c.table.Table).Column(name).Column)
}

// column returns a column that the table has.
func (c *columns) column(column format.Column) *capture.Accessor {
	return c.add(capture.Column{Column: column, Source: column.Name})[0]
}

// joined returns the columns that the ids or system call numbers in a column of the table lead to.
func (c *columns) joined(name string) []*capture.Accessor {
	i := c.table.Index(name)
	if i < 0 {
		return nil
	}
	return c.add(c.capture.Joined(c.table, c.table.Columns[i])...)
}

func (c *columns) add(columns ...capture.Column) []*capture.Accessor {
	added, err := c.capture.Access(columns)
	if err != nil {
		c.err = errors.Join(c.err, err)
		return make([]*capture.Accessor, len(columns))
	}
	c.used = append(c.used, added...)
	return added
}
