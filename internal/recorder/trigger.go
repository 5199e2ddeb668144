//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// A Trigger is a condition. A flight recorder dumps when it matches an event.
type Trigger struct {
	source  string
	program *filter.Program
	tables  []string // recorded tables whose rows can match
	columns []string // of tables, that it tests
}

// Tests reports whether it looks at a column of this name.
func (t *Trigger) Tests(column string) bool { return slices.Contains(t.columns, column) }

// triggerTables are the tables that a trigger can be about.
func triggerTables() (tables []string) {
	for _, t := range schema.Tables {
		if t.Trigger {
			tables = append(tables, t.Table)
		}
	}
	return tables
}

// CompileTrigger compiles an expression. It is an error if no event of these families can ever match.
func CompileTrigger(src string, families []string) (*Trigger, error) {
	var schemas []*format.Schema
	for _, name := range triggerTables() {
		schemas = append(schemas, schema.Of(name).Schema)
	}
	t := &Trigger{source: src}
	var err error
	if t.program, err = filter.Compile(src, schemas...); err != nil {
		return nil, fmt.Errorf("%q: %w", src, err)
	}
	var possible []string
	for _, s := range schemas {
		b, err := t.program.Bind(s, &filter.Env{Dimensions: &triggerEnv{}})
		if err != nil {
			return nil, err
		}
		if b.Never() {
			continue
		}
		possible = append(possible, s.Table)
		if slices.Contains(schema.TablesOf(families...), s.Table) {
			t.tables = append(t.tables, s.Table)
			t.columns = append(t.columns, b.Columns()...)
		}
	}
	switch {
	case len(possible) == 0:
		return nil, fmt.Errorf("%q: no event can match; it is about %s events", src,
			strings.Join(triggerTables(), ", "))
	case len(t.tables) == 0:
		return nil, fmt.Errorf("%q: only %s events can match, which are not recorded", src,
			strings.Join(possible, ", "))
	}
	return t, nil
}

// A triggerEnv gives a trigger's filters the rows of dimensions that were announced so far. It is for one goroutine.
type triggerEnv struct {
	dimension func(table string) *dimension // nil: there are no rows
	unknownID bool                          // set when an id was looked up that was not announced (yet)
}

func (e *triggerEnv) Schema(name string) *format.Schema {
	if t := schema.Of(name); t != nil {
		return t.Schema
	}
	return nil
}

// Lookup gathers the announced record of an id into a batch of one row, which is valid until the next lookup.
func (e *triggerEnv) Lookup(name string, _ []format.Column) (filter.Lookup, error) {
	var d *dimension
	if e.dimension != nil {
		d = e.dimension(name)
	}
	if d == nil {
		return func(int64) (*format.Batch, int, bool) { return nil, 0, false }, nil
	}
	row := format.NewBatch(d.layout.Schema)
	return func(id int64) (*format.Batch, int, bool) {
		rec, ok := d.find(id)
		if !ok {
			e.unknownID = e.unknownID || id > 0
			return nil, 0, false
		}
		row.Reset()
		d.layout.Gather(row, rec, -1, 0)
		return row, 0, true
	}, nil
}
