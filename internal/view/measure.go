// SPDX-License-Identifier: Apache-2.0

package view

import (
	"time"

	"github.com/fletch-trace/fletch/internal/term"
)

// Measure is a Value with its name and unit.
type Measure struct {
	Name     string // to sort by, and the default of Head and, with the unit, of Field
	Head     string // of its column in a table
	Field    string // in JSON
	Unit     Unit
	Zero     bool  // a table shows 0 as 0, not as an empty cell
	JSONOnly bool  // it has no column in a table
	Value    Value // a Number or Failures
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
		if m.Zero {
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

// Unit is what a number counts.
type Unit uint8

// The units.
const (
	Plain Unit = iota
	Bytes
	Nanoseconds
)

// Text is a number as a person reads it.
func (u Unit) Text(n int64) string {
	switch u {
	case Bytes:
		return term.Bytes(n)
	case Nanoseconds:
		return term.Duration(time.Duration(n))
	}
	return term.Count(n)
}

// Cell is Text, but nothing for 0.
func (u Unit) Cell(n int64) string {
	if n == 0 {
		return ""
	}
	return u.Text(n)
}

func (u Unit) suffix() string { return [...]string{"", "_bytes", "_ns"}[u] }
