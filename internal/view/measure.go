// SPDX-License-Identifier: Apache-2.0

package view

import (
	"time"

	"github.com/fletch-trace/fletch/internal/term"
)

// Measure is a Value with its name and unit.
type Measure struct {
	Name     string // for --sort
	Head     string // header of its column in a table; "": Name
	Field    string // name in JSON; "": Name and the suffix of the unit
	Unit     Unit
	ShowZero bool  // a table shows 0 as 0, not as an empty cell
	JSONOnly bool  // it has no column in tables
	Value    Value // a Number or *Failures
}

func (m *Measure) head() string {
	if m.Head != "" {
		return m.Head
	}
	return m.Name
}

func (m *Measure) field() string {
	if m.Field != "" {
		return m.Field
	}
	return m.Name + m.Unit.suffix()
}

func (m *Measure) text(g *Group) string {
	switch v := m.Value.(type) {
	case Number:
		if m.ShowZero {
			return m.Unit.Text(v.Of(g))
		}
		return m.Unit.Cell(v.Of(g))
	case *Failures:
		return v.Text(g)
	}
	return ""
}

func (m *Measure) json(g *Group) any {
	switch v := m.Value.(type) {
	case Number:
		return v.Of(g)
	case *Failures:
		return v.Of(g)
	}
	return nil
}

// Unit is the unit of a Number.
type Unit uint8

// The units.
const (
	Plain Unit = iota
	Bytes
	Nanoseconds
)

// Text formats a number for people. A duration that is unknown is "-".
func (u Unit) Text(n int64) string {
	switch {
	case u == Bytes:
		return term.Bytes(n)
	case u == Nanoseconds && n < 0:
		return "-"
	case u == Nanoseconds:
		return term.Duration(time.Duration(n))
	}
	return term.Count(n)
}

// Cell is Text, but empty for 0 and for an unknown duration.
func (u Unit) Cell(n int64) string {
	if n == 0 || u == Nanoseconds && n < 0 {
		return ""
	}
	return u.Text(n)
}

// suffix ends the names of fields in JSON.
func (u Unit) suffix() string { return [...]string{"", "_bytes", "_ns"}[u] }
