// SPDX-License-Identifier: Apache-2.0

// Package schema is what the tables of a capture are: their columns, what a person reads in them, and the event
// families that they belong to. It is written down once, in bpf/events.h; Tables is generated from the BTF of the
// compiled object. Readers meet tables that are newer than they are, so everything here is asked by name and may say
// that it does not know.
package schema

import (
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/format"
)

//go:generate go run ./gen

// Meaning says how a person reads the values of a column.
type Meaning uint8

// The meanings.
const (
	Plain    Meaning = iota // a number or a text as it is
	Moment                  // ns since the Unix epoch
	Duration                // ns
	Bytes                   // so many bytes
	Result                  // -4095 to -1: minus an error number; else what the call gave, or 0
	Call                    // the number of a system call, of the capture's architecture
	Signal                  // the number of a signal
	ID                      // the id of a row of the dimension Column.Of; 0: none
	Word                    // one of Column.Words
	Address                 // a network address as text
	Port                    // a TCP or UDP port
	Mode                    // permission bits
	Pointer                 // an address in memory
)

// Column is one column of a table.
type Column struct {
	format.Column
	Meaning Meaning
	Of      string   // of an ID: the dimension, a table
	Words   []string // of a Word
}

// Table is one table of a capture.
type Table struct {
	*format.Schema
	Families []string // the event families whose recording fills it; none: it is in every recording
	Bulk     bool     // its rows come by the million
	Trigger  bool     // record --trigger looks at its rows
	// Text is what replay prints of a row, with {column} where the column's value goes; "" where replay has words in its own
	// code, or where it prints names and values.
	Text string
	// Begins says which rows have in ts the time at which something began, so that it ended at ts + duration_ns: those
	// with this op, or with "*" all. Of others ts is when they happened.
	Begins  string
	Columns []Column // of Schema, in the same order
}

// Loss is the table that every recorder writes itself.
var Loss = &Table{Schema: format.LossSchema, Columns: []Column{
	{Column: format.LossSchema.Columns[0], Meaning: Moment},
	{Column: format.LossSchema.Columns[1], Meaning: Moment},
	{Column: format.LossSchema.Columns[2]},
	{Column: format.LossSchema.Columns[3]},
	{Column: format.LossSchema.Columns[4]},
}}

// Of is the table of that name, nil if there is none.
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

// Families are the event families, in the order in which they are shown.
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

// TablesOf are the tables that are filled only if one of the families is recorded: events first.
func TablesOf(families ...string) (names []string) {
	for _, event := range []bool{true, false} {
		for _, t := range Tables {
			of := func(f string) bool { return slices.Contains(families, f) }
			if t.Event() == event && slices.ContainsFunc(t.Families, of) {
				names = append(names, t.Table)
			}
		}
	}
	return names
}

// Column is the column of that name, nil if there is none.
func (t *Table) Column(name string) *Column {
	if t == nil {
		return nil
	}
	if i := t.Index(name); i >= 0 {
		return &t.Columns[i]
	}
	return nil
}

// Select are columns of the table, by name, as format.Schema.Check wants them. One that the table lacks is a defect of the
// program: Select panics.
func (t *Table) Select(names ...string) []format.Column {
	columns := make([]format.Column, len(names))
	for i, name := range names {
		columns[i] = t.Column(name).Column
	}
	return columns
}

// Dimension says whether the ids of other tables lead to this one's rows: its first column is that id.
func (t *Table) Dimension() bool { return t.Columns[0].Meaning == ID && t.Columns[0].Of == t.Table }

// Describe is what is known of a column of a table: what Tables says of it, or where the table is a newer one, what it
// says of a column of the same name and type in others; else what type and name say by themselves.
func Describe(table string, c format.Column) Column {
	if known := Of(table).Column(c.Name); known != nil && known.Type == c.Type {
		return *known
	}
	for _, t := range Tables {
		if known := t.Column(c.Name); known != nil && known.Type == c.Type && known.Meaning != Word {
			return *known
		}
	}
	switch {
	case c.Type == format.Timestamp:
		return Column{Column: c, Meaning: Moment}
	case c.Type == format.Int64 && strings.HasSuffix(c.Name, "_ns"):
		return Column{Column: c, Meaning: Duration}
	}
	return Column{Column: c}
}

// newTable gives the format's schema its columns.
func newTable(t *Table) *Table {
	for _, c := range t.Columns {
		t.Schema.Columns = append(t.Schema.Columns, c.Column)
	}
	return t
}
