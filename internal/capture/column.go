// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Column is a column of a table as people see it: one of its own, or one that is joined by the ids or the numbers of
// calls in one.
type Column struct {
	format.Column
	Source    string // the column of the table that the value is made from
	Dimension string // of a joined column: where the ids lead to, or calls
}

// calls stands for the names of system calls, as if they were a dimension.
const calls = "call"

// Own says whether the table itself has the column.
func (c Column) Own() bool { return c.Dimension == "" }

// joined are the columns of a dimension that are joined to each event, where that is not the name.
var joined = map[string][]string{"task": {"comm", "pid", "tid"}}

// Columns are the columns of a table with those joined: after task the comm, pid and tid, after a number of a call and
// other ids the name. A table's own column comes before a joined one of the same name: the pid of a process event is
// the one it is about.
func (c *Capture) Columns(s *format.Schema) []Column {
	var columns []Column
	for _, own := range s.Columns {
		columns = append(columns, Column{own, own.Name, ""})
		if !s.Event() && schema.Describe(s.Table, own).Meaning != schema.Syscall {
			continue // the ids in tables that are no events stay what they are
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

// Joined are the columns that say what the ids or calls in a column of a table stand for.
func (c *Capture) Joined(s *format.Schema, own format.Column) (columns []Column) {
	if own.Type == format.Int32 && schema.Describe(s.Table, own).Meaning == schema.Syscall {
		return []Column{{format.Column{Name: "name", Type: format.String}, own.Name, calls}}
	}
	d := schema.DimensionOf(s.Table, own, c.schemaOf)
	if d == nil {
		return nil
	}
	for _, column := range c.shown(d.Table) {
		columns = append(columns, Column{column, own.Name, d.Table})
	}
	return columns
}

// shown are the columns of a dimension that say which row an id stands for.
func (c *Capture) shown(dimension string) (columns []format.Column) {
	names, ok := joined[dimension]
	if !ok {
		names = []string{"name"}
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
