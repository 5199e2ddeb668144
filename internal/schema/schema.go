// SPDX-License-Identifier: Apache-2.0

// Package schema describes the tables of a capture: their columns, what the values mean, and which event family fills
// them. The only source is bpf/events.h; Tables is generated from the BTF of the compiled objects. A capture may have
// tables and columns that this version does not know. So everything is looked up by name, and may be unknown.
package schema

import (
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/format"
)

//go:generate go run ./gen

// Meaning is what the values of a column mean; programs choose by it how to print them.
type Meaning uint8

// The meanings.
const (
	Plain    Meaning = iota // a number or a text, printed as it is
	Time                    // ns since the Unix epoch
	Duration                // ns
	Bytes                   // a size in bytes
	Result                  // -4095 to -1: a negated errno; else the value returned, or 0
	Syscall                 // a system call number of the capture's architecture
	Signal                  // a signal number
	ID                      // the id of a row of the dimension Column.Dimension; 0: none
	Enum                    // one of Column.Values
	Address                 // a network address as text
	Port                    // a TCP or UDP port
	Mode                    // permission bits
	Pointer                 // an address in memory
	Flags                   // bits, which FORMAT.md lists
)

// Content is what the values of a column can tell of people and their programs. It decides what becomes of the column
// when a capture is redacted.
type Content uint8

// The contents.
const (
	Unclassified Content = iota // nobody has said: the column is dropped
	Numbers                     // measures, ids, times: nothing that somebody wrote
	Words                       // one of Column.Values
	Names                       // what somebody called a program, a thread, a host
	Paths                       // of files and cgroups
	Args                        // arguments of programs
	Addresses                   // network addresses
)

// Bits of a column of Flags, as enum row_flags in events.h.
const (
	FlagBefore    = 1  // it began before the recording: ts is the recording's start, and the duration a lower bound
	FlagRestarted = 2  // it continues this task's call that ended with ERESTART*
	FlagsAll      = 31 // those, and what is said of texts: cut, unreadable, escaped
)

// Column is one column of a table.
type Column struct {
	format.Column
	Meaning   Meaning
	Content   Content
	Dimension string   // for ID: the table that has the rows
	Values    []string // for Enum: all values, by number
}

// Table is one table of a capture.
type Table struct {
	*format.Schema
	Families []string // recording any of these event families fills the table; none: it is in every recording
	Bulk     bool     // a high-volume table: its records go through the bulk or call rings
	Trigger  bool     // record --trigger tests its rows
	// Text is the template of the line that replay prints for a row; {column} is replaced by the column's value. "":
	// replay has code for this table, or prints name=value.
	Text string
	// BeginOp is the op of the rows whose ts is a start, so that they end at ts + duration_ns; "*": all rows. The ts of
	// other rows is when the event happened.
	BeginOp string
	Columns []Column // those of Schema, in the same order
}

// Loss is the table of lost events. The recorder itself fills it, so it is not in Tables.
var Loss = &Table{Schema: format.LossSchema, Columns: []Column{
	{Column: format.LossSchema.Columns[0], Meaning: Time, Content: Numbers},
	{Column: format.LossSchema.Columns[1], Meaning: Time, Content: Numbers},
	{Column: format.LossSchema.Columns[2], Content: Numbers},
	{Column: format.LossSchema.Columns[3], Content: Words},
	{Column: format.LossSchema.Columns[4], Content: Numbers},
}}

// Of returns the table of that name, nil if there is none.
func Of(name string) *Table {
	if name == Loss.Table {
		return Loss
	}
	for _, t := range Tables {
		if t.Table == name {
			return t
		}
	}
	return nil
}

// Families returns the event families, in the order in which they are shown.
func Families() (names []string) {
	for _, t := range Tables {
		for _, f := range t.Families {
			if t.Event() && !slices.Contains(names, f) {
				names = append(names, f)
			}
		}
	}
	return names
}

// TablesOf returns the names of the tables that recording these families fills, without those that are in every
// recording: tables of events first, then dimensions.
func TablesOf(families ...string) (names []string) {
	for _, event := range []bool{true, false} {
		for _, t := range Tables {
			asked := func(f string) bool { return slices.Contains(families, f) }
			if t.Event() == event && slices.ContainsFunc(t.Families, asked) {
				names = append(names, t.Table)
			}
		}
	}
	return names
}

// Column returns the column of that name, nil if there is none. t may be nil.
func (t *Table) Column(name string) *Column {
	if t == nil {
		return nil
	}
	if i := t.Index(name); i >= 0 {
		return &t.Columns[i]
	}
	return nil
}

// Select returns columns of the table by name, in the form that format.Schema.Check takes. It panics if the table has
// no such column.
func (t *Table) Select(names ...string) []format.Column {
	columns := make([]format.Column, len(names))
	for i, name := range names {
		columns[i] = t.Column(name).Column
	}
	return columns
}

// Dimension reports whether the table is a dimension: its first column is the id by which other tables refer to a row.
func (t *Table) Dimension() bool {
	return t.Columns[0].Meaning == ID && t.Columns[0].Dimension == t.Table
}

// Describe returns what is known about column c of a table. If Tables does not have it, it is described as a column of
// the same name and type in another table, but for enums, whose values differ; else by its type and name.
func Describe(table string, c format.Column) Column {
	if known := Of(table).Column(c.Name); known != nil && known.Type == c.Type {
		return *known
	}
	for _, t := range Tables {
		if known := t.Column(c.Name); known != nil && known.Type == c.Type && known.Meaning != Enum {
			return *known
		}
	}
	switch {
	case c.Type == format.Timestamp:
		return Column{Column: c, Meaning: Time}
	case c.Type == format.Int64 && strings.HasSuffix(c.Name, "_ns"):
		return Column{Column: c, Meaning: Duration}
	}
	return Column{Column: c}
}

// DimensionOf returns the dimension whose rows the ids in column c of a table refer to. It returns nil if c has no ids,
// if it is the id of the table itself, or if schemaOf returns nil for the dimension.
//
// A column that Tables does not know is an id if schemaOf has a dimension whose first column has the same name and
// type: a newer recorder may have added both.
func DimensionOf(table string, c format.Column, schemaOf func(table string) *format.Schema) *format.Schema {
	known := Describe(table, c)
	name := known.Dimension
	if known.Meaning == Plain && (c.Type == format.Int32 || c.Type == format.Int64) {
		name = c.Name
	}
	if name == "" || name == table {
		return nil
	}
	s := schemaOf(name)
	if s == nil || known.Meaning == Plain && (s.Event() || len(s.Columns) == 0 || s.Columns[0] != c) {
		return nil
	}
	return s
}

// newTable copies the columns of t to its Schema.
func newTable(t *Table) *Table {
	for _, c := range t.Columns {
		t.Schema.Columns = append(t.Schema.Columns, c.Column)
	}
	return t
}

// NameColumn returns the column of a dimension that has the text of its rows, nil if it has none: a name, or a value.
func NameColumn(s *format.Schema) *format.Column {
	for _, name := range []string{"name", "value"} {
		if i := s.Index(name); i >= 0 && s.Columns[i].Type == format.String {
			return &s.Columns[i]
		}
	}
	return nil
}
