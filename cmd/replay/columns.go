// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
)

// columns are those that the text of a table's rows is made of.
type columns struct {
	capture *capture.Capture
	table   *format.Schema
	used    []*capture.Accessor
	lacks   bool  // the table lacks one that was asked for by name, or has it with another type
	err     error // of reading a dimension
}

// named is the column of that name, nil where the table lacks it.
func (c *columns) named(name string) *capture.Accessor {
	if !c.has(name) {
		return nil
	}
	return c.own(c.table.Columns[c.table.Index(name)])
}

// has says whether the table has a column as this program knows it.
func (c *columns) has(name string) bool {
	column := schema.Of(c.table.Table).Select(name)
	c.lacks = c.lacks || c.table.Check(column...) != nil
	return !c.lacks
}

// own is a column that the table has.
func (c *columns) own(column format.Column) *capture.Accessor {
	return c.add(capture.Column{Column: column, Source: column.Name})[0]
}

// joined are the columns that say what the ids or calls in a column of the table stand for.
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
