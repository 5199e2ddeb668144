// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Column is a column of a table, or one that is joined to it by the ids or system call numbers in one of its columns.
type Column struct {
	format.Column
	Source    string // the column of the table with the values, ids or numbers
	Dimension string // of a joined column: the dimension, or callDimension; else ""
	field     string // of a joined column: that of the dimension, if it has another name
}

// callDimension stands for the names of system calls, which are not a table.
const callDimension = "call"

// Own reports whether the column is one of the table itself.
func (c Column) Own() bool { return c.Dimension == "" }

// joined has the columns of dimensions that are joined to events. Of all other dimensions it is the column name.
var joined = map[string][]string{"task": {"comm", "pid", "tid"}}

// Columns returns the columns of a table, each followed by the columns that it joins: task by comm, pid and tid, system
// call numbers by name. An id whose row has a text becomes NAME_id, and NAME is the text; the text of a path of a file
// is also its name. A column of which the table has one with the same name is not joined: the pid of a process event is
// the process that the event is about.
func (c *Capture) Columns(s *format.Schema) []Column {
	var columns []Column
	for _, own := range s.Columns {
		if text := c.textOf(s, own); text != nil {
			id := own
			id.Name += "_id"
			columns = append(columns, Column{Column: id, Source: own.Name}, *text)
			if s.Table != "file" {
				continue
			}
		} else {
			columns = append(columns, Column{Column: own, Source: own.Name})
		}
		if !s.Event() && schema.Describe(s.Table, own).Meaning != schema.Syscall {
			continue // ids are only joined in tables of events
		}
		for _, more := range c.Joined(s, own) {
			has := func(c Column) bool { return c.Name == more.Name }
			if s.Index(more.Name) < 0 && !slices.ContainsFunc(columns, has) {
				columns = append(columns, more)
			}
		}
	}
	return columns
}

// textOf returns the column of the text that ids in a column of events stand for, with the name of that column; nil if
// they stand for no text.
func (c *Capture) textOf(s *format.Schema, own format.Column) *Column {
	if !s.Event() {
		return nil
	}
	d := schema.DimensionOf(s.Table, own, c.schemaOf)
	if d == nil {
		return nil
	}
	named := c.nameColumn(d.Table)
	if named == nil {
		return nil
	}
	return &Column{format.Column{Name: own.Name, Type: format.String}, own.Name, d.Table, named.Name}
}

// nameColumn is schema.NameColumn of a dimension as this version knows it, or else as the capture has it.
func (c *Capture) nameColumn(dimension string) *format.Column {
	if known := schema.Of(dimension); known != nil {
		return schema.NameColumn(known.Schema)
	}
	return schema.NameColumn(c.schemaOf(dimension))
}

// Joined returns the columns that the ids or system call numbers in a column of a table lead to.
func (c *Capture) Joined(s *format.Schema, own format.Column) (columns []Column) {
	if own.Type == format.Int32 && schema.Describe(s.Table, own).Meaning == schema.Syscall {
		return []Column{{format.Column{Name: "name", Type: format.String}, own.Name, callDimension, ""}}
	}
	d := schema.DimensionOf(s.Table, own, c.schemaOf)
	if d == nil {
		return nil
	}
	for _, column := range c.joinedColumns(d.Table) {
		columns = append(columns, Column{column, own.Name, d.Table, ""})
	}
	return columns
}

// shown are the columns of a dimension that say which row an id stands for.
func (c *Capture) joinedColumns(dimension string) (columns []format.Column) {
	names, ok := joined[dimension]
	if !ok {
		names = nil
		if named := c.nameColumn(dimension); named != nil {
			names = []string{named.Name}
		}
	}
	for _, name := range names {
		if known := schema.Of(dimension).Column(name); known != nil {
			columns = append(columns, known.Column)
		} else if s := c.schemaOf(dimension); s.Index(name) >= 0 {
			columns = append(columns, s.Columns[s.Index(name)])
		}
	}
	return columns
}
