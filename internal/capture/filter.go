// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"cmp"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Filter compiles an expression over the tables of all captures. It returns nil, which selects all rows, for "".
func (s Set) Filter(expression string) (*filter.Program, error) {
	if expression == "" {
		return nil, nil
	}
	var schemas []*format.Schema
	for _, c := range s {
		for _, t := range c.Tables() {
			schemas = append(schemas, t.Schema)
		}
	}
	p, err := filter.Compile(expression, schemas...)
	if err != nil {
		return nil, cli.Usage("filter %q: %w", expression, err)
	}
	return p, nil
}

// CheckNames returns an error if the filter made of the expression has a name that means nothing in a table, of this
// version or of any of the captures.
func (s Set) CheckNames(p *filter.Program, expression, table string) error {
	if p == nil {
		return nil
	}
	var first error
	for _, c := range s {
		tables := []*format.Schema{}
		if t := schema.Of(table); t != nil {
			tables = append(tables, t.Schema)
		}
		if t := c.Table(table); t != nil {
			tables = append(tables, t.Schema)
		}
		err := p.CheckNames(dimensions{c}, tables...)
		if err == nil {
			return nil
		}
		first = cmp.Or(first, err)
	}
	return cli.Usage("filter %q: %w", expression, first)
}

// Bind binds a filter to a table of c. The result is for one goroutine.
func (c *Capture) Bind(p *filter.Program, t *format.Table) (*filter.Bound, error) {
	bound, err := p.Bind(t.Schema, &filter.Env{Dimensions: dimensions{c}, CallName: c.calls.Name})
	if err == nil {
		c.noteArgs(slices.Contains(bound.Columns(), argsColumn))
	}
	return bound, err
}

// dimensions implements filter.Dimensions.
type dimensions struct{ *Capture }

func (d dimensions) Schema(dimension string) *format.Schema { return d.schemaOf(dimension) }

func (d dimensions) Lookup(dimension string, columns []format.Column) (filter.Lookup, error) {
	rows, err := d.Dimension(dimension).Load(columns...)
	if err != nil {
		return nil, err
	}
	return func(id int64) (*format.Batch, int, bool) {
		row := rows.Index(id)
		return rows.Batch, int(row), row != 0
	}, nil
}
