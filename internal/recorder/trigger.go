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

// A Trigger is a condition on which a flight recorder dumps, over the tables that it can be about.
type Trigger struct {
	source  string
	program *filter.Program
	tables  []string
}

// triggerTables are looked at: the rare events, and calls.
func triggerTables() (tables []string) {
	for _, t := range schema.Tables {
		if t.Trigger {
			tables = append(tables, t.Table)
		}
	}
	return tables
}

// CompileTrigger compiles an expression. What can never hold in a recording of these families is an error.
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
		b, err := t.program.Bind(s, &filter.Env{Dimensions: &environment{}})
		if err != nil {
			return nil, err
		}
		if b.Never() {
			continue
		}
		possible = append(possible, s.Table)
		if slices.Contains(schema.TablesOf(families...), s.Table) {
			t.tables = append(t.tables, s.Table)
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
