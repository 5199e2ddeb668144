// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// A join leads from an id in a column of a table to a value: through one dimension, or from it through others.
type join struct {
	from format.Column // of the table: the id
	hops []hop
}

// A hop goes from an id to its row in a dimension, and there to a column: the next id, at last the value.
type hop struct {
	dimension string
	column    format.Column
	find      Lookup
}

// A reach is a dimension that a table's ids lead to.
type reach struct {
	join
	id        format.Column // the last one, which leads to a row of the dimension
	dimension *format.Schema
}

// nameColumn is the text that a dimension's rows are known by.
var nameColumn = format.Column{Name: "name", Type: format.String}

func hasName(s *format.Schema) bool {
	i := s.Index(nameColumn.Name)
	return i >= 0 && s.Columns[i] == nameColumn
}

// isCall says whether a column holds numbers of system calls.
func isCall(t *format.Schema, c format.Column) bool {
	return c.Type == format.Int32 && schema.Describe(t.Table, c).Meaning == schema.Syscall
}

// joinOf finds the column that a comparison is about among those that the table's ids lead to: the nearest, of several
// by the first id. An id's own name stands for the name of its row. Other names of rows are only reached directly:
// those of the cgroups of tasks are no names of events.
func joinOf(l *leaf, table *format.Schema, d Dimensions) *join {
	near := reaches(reach{dimension: table}, table.Columns, d)
	seen := map[string]bool{table.Table: true}
	for depth := 1; len(near) > 0; depth++ {
		for _, r := range near {
			if r.id.Name == l.name && l.fits(format.String) && hasName(r.dimension) {
				return r.to(nameColumn)
			}
			for _, c := range r.dimension.Columns[1:] {
				if c.Name == l.name && l.fits(c.Type) && (depth == 1 || c.Name != nameColumn.Name) {
					return r.to(c)
				}
			}
		}
		var next []reach
		for _, r := range near {
			if !seen[r.dimension.Table] {
				seen[r.dimension.Table] = true
				next = append(next, reaches(r, r.dimension.Columns[1:], d)...)
			}
		}
		near = next
	}
	return nil
}

// reaches are the dimensions that some columns of what r has reached lead to.
func reaches(r reach, columns []format.Column, d Dimensions) (all []reach) {
	for _, c := range columns {
		to := schema.DimensionOf(r.dimension.Table, c, d.Schema)
		if to == nil || len(to.Columns) == 0 {
			continue
		}
		next := reach{join: join{from: c}, id: c, dimension: to}
		if r.from.Name != "" {
			next.join = *r.to(c)
		}
		all = append(all, next)
	}
	return all
}

// to is the join that ends at a column of the dimension.
func (r *reach) to(c format.Column) *join {
	hops := append(r.hops[:len(r.hops):len(r.hops)], hop{dimension: r.dimension.Table, column: c})
	return &join{r.from, hops}
}

// open makes a join ready to be followed.
func (j *join) open(d Dimensions) error {
	for i := range j.hops {
		h := &j.hops[i]
		var err error
		if h.find, err = d.Lookup(h.dimension, []format.Column{h.column}); err != nil {
			return fmt.Errorf("joining %s: %w", h.dimension, err)
		}
	}
	return nil
}

// follow gives the value that an id leads to, as a row of a column; ok is false if that is not known.
func (j *join) follow(id int64) (v *format.Vector, row int, ok bool) {
	for i := range j.hops {
		h := &j.hops[i]
		b, at, ok := h.find(id)
		if !ok {
			return nil, 0, false
		}
		if v = b.Column(h.column.Name); v == nil || v.Type != h.column.Type {
			return nil, 0, false
		}
		row = at
		switch v.Type {
		case format.Int32:
			id = int64(v.I32[row])
		case format.Int64:
			id = v.I64[row]
		}
	}
	return v, row, true
}
