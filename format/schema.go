// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"slices"
)

// Type is the type of a column. Every column is signed and non-nullable.
type Type uint8

// The column types of format version 1.
const (
	Int32      Type = iota + 1 // int32
	Int64                      // int64
	Timestamp                  // int64 nanoseconds since the Unix epoch, UTC
	String                     // UTF-8 text
	StringList                 // list of UTF-8 texts
)

// String returns the name of the type as Arrow prints it.
func (t Type) String() string {
	switch t {
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Timestamp:
		return "timestamp[ns, UTC]"
	case String:
		return "utf8"
	case StringList:
		return "list<utf8>"
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Column is one column of a table.
type Column struct {
	Name string
	Type Type
}

// Schema is the shape of a table: its name and its columns in file order.
// A Schema must not be changed once a Batch or a Writer has seen it.
type Schema struct {
	Table   string
	Columns []Column
	// GroupBy names the columns by which a Writer groups the rows of a batch before
	// it compresses them with zstd, the most significant first: similar rows compress
	// better together. It is not stored in the file. A schema with GroupBy must not
	// have columns of lists.
	GroupBy []string
}

// Index returns the position of the column called name, -1 when there is none.
func (s *Schema) Index(name string) int {
	for i := range s.Columns {
		if s.Columns[i].Name == name {
			return i
		}
	}
	return -1
}

// Event reports whether the rows of the table are events: the first columns are
// ts, cpu and task. Those of dimension tables, such as task and path, and of the
// loss table are not.
func (s *Schema) Event() bool {
	return len(s.Columns) >= 3 &&
		s.Columns[0] == Column{"ts", Timestamp} &&
		s.Columns[1] == Column{"cpu", Int32} &&
		s.Columns[2] == Column{"task", Int32}
}

// Check returns an error, ErrCorrupt, unless the schema has every column of
// want, with that type. A program that uses the slices of a Vector without
// looking at its type must call Check once per table, since the types in a
// capture from an untrusted source may be any.
func (s *Schema) Check(want ...Column) error {
	for _, c := range want {
		switch i := s.Index(c.Name); {
		case i < 0:
			return fmt.Errorf("table %s: %w: no column %s", s.Table, ErrCorrupt, c.Name)
		case s.Columns[i].Type != c.Type:
			has := s.Columns[i].Type
			return fmt.Errorf("table %s: %w: column %s is %v, not %v", s.Table, ErrCorrupt, c.Name, has, c.Type)
		}
	}
	return nil
}

// equal reports whether both have the same name and columns. GroupBy may differ.
func (s *Schema) equal(o *Schema) bool {
	return s == o || s.Table == o.Table && slices.Equal(s.Columns, o.Columns)
}

// check returns an error unless the schema is allowed in a capture.
func (s *Schema) check() error {
	if !validName(s.Table) {
		return fmt.Errorf("table name %q: not a lower-case identifier", s.Table)
	}
	if len(s.Columns) == 0 || len(s.Columns) > MaxColumns {
		return fmt.Errorf("table %s: %d columns, not 1 to %d", s.Table, len(s.Columns), MaxColumns)
	}
	for i, c := range s.Columns {
		if !validName(c.Name) {
			return fmt.Errorf("table %s: column name %q: not a lower-case identifier", s.Table, c.Name)
		}
		if c.Type < Int32 || c.Type > StringList {
			return fmt.Errorf("table %s: column %s: unknown type %d", s.Table, c.Name, c.Type)
		}
		if s.Index(c.Name) != i {
			return fmt.Errorf("table %s: column %s twice", s.Table, c.Name)
		}
		if c.Type == StringList && len(s.GroupBy) > 0 {
			return fmt.Errorf("table %s: rows with the list column %s cannot be grouped", s.Table, c.Name)
		}
	}
	for _, name := range s.GroupBy {
		if s.Index(name) < 0 {
			return fmt.Errorf("table %s: no column %s to group rows by", s.Table, name)
		}
	}
	return nil
}

// maxName is the greatest length of the name of a table or a column, in bytes.
const maxName = 64

// validName reports whether s can name a table or a column: a lower-case
// identifier. Names are directory names, words of filter expressions and column
// heads on terminals.
func validName(s string) bool {
	if s == "" || len(s) > maxName || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// LossSchema is the loss table: count events of family were lost on cpu between
// ts and until. Every recorder has this table, whatever it traces.
var LossSchema = &Schema{
	Table: "loss",
	Columns: []Column{
		{"ts", Timestamp},
		{"until", Timestamp},
		{"cpu", Int32},
		{"family", String},
		{"count", Int64},
	},
}
