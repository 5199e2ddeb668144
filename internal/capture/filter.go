// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
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

// Bind binds a filter to a table of c. The result is for one goroutine.
func (c *Capture) Bind(p *filter.Program, t *format.Table) (*filter.Bound, error) {
	return p.Bind(t.Schema, &filter.Env{Dimensions: dimensions{c}, CallName: c.calls.Name})
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
