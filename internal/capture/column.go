// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// Join says where the value of a column comes from.
type Join uint8

// The joins.
const (
	Own      Join = iota // the table has it
	TaskComm             // of the task
	TaskPID
	TaskTID
	CallName // of the number in column nr
	PathName // of the file in column path
)

// Column is a column of a table as people see it: one of its own, or one that is joined by the ids it holds.
type Column struct {
	format.Column
	Join Join
}

var joined = map[format.Column][]Column{
	{Name: "task", Type: format.Int32}: {
		{format.Column{Name: "comm", Type: format.String}, TaskComm},
		{format.Column{Name: "pid", Type: format.Int32}, TaskPID},
		{format.Column{Name: "tid", Type: format.Int32}, TaskTID},
	},
	{Name: "nr", Type: format.Int32}: {
		{format.Column{Name: "name", Type: format.String}, CallName},
	},
	{Name: "path", Type: format.Int32}: {
		{format.Column{Name: "name", Type: format.String}, PathName},
	},
}

// Columns are the columns of a table with those joined: after task the comm, pid and tid, after nr and path the name. A
// table's own column comes before a joined one of the same name: the pid of a process event is the one it is about.
func Columns(s *format.Schema) []Column {
	var columns []Column
	for _, own := range s.Columns {
		columns = append(columns, Column{own, Own})
		if !s.Event() && (own.Name == "task" || own.Name == "path") {
			continue // the dimension itself
		}
		for _, more := range joined[own] {
			has := func(c Column) bool { return c.Name == more.Name }
			if s.Index(more.Name) < 0 && !slices.ContainsFunc(columns, has) {
				columns = append(columns, more)
			}
		}
	}
	return columns
}

// Source is the name of the column of the table that the value of c is made from.
func (c Column) Source() string {
	switch c.Join {
	case TaskComm, TaskPID, TaskTID:
		return "task"
	case CallName:
		return "nr"
	case PathName:
		return "path"
	}
	return c.Name
}

// Sources are the columns that must be read for these.
func Sources(columns []Column) []string {
	var names []string
	for _, c := range columns {
		if source := c.Source(); !slices.Contains(names, source) {
			names = append(names, source)
		}
	}
	return names
}
