// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// join finds a value by the id in a column of a table, through one or more dimensions.
type join struct {
	from format.Column // the column of ids of the table
	hops []hop
}

// hop is a column of a dimension in a join. In the last hop it has the value, in the others the id for the next one.
type hop struct {
	dimension string
	column    format.Column
	find      Lookup
}

// dimensionPath is a dimension that ids of a table lead to, with the joins that lead there.
type dimensionPath struct {
	join
	id        format.Column // the column of ids of the dimension's rows, in the table or dimension before
	dimension *format.Schema
}

// nameColumn is the name of a system call, and of the rows of most dimensions: see schema.NameColumn.
var nameColumn = format.Column{Name: "name", Type: format.String}

// callName is another name of the name of a system call.
const callName = "call"

// isCall reports whether a column has system call numbers.
func isCall(t *format.Schema, c format.Column) bool {
	return c.Type == format.Int32 && schema.Describe(t.Table, c).Meaning == schema.Syscall
}

// joinOf returns the join to the column of a name whose type fits, nil if no ids lead to it. Of several columns it is
// the one that is reached through the fewest dimensions, and then the one of the first id column. The name of an id
// column stands for the name of its row. The column name itself is only used of dimensions that the table's own ids
// lead to: the name of a task's cgroup is not a name of the event. A qualified name is of one dimension.
func joinOf(name string, fits func(format.Type) bool, table *format.Schema, d Dimensions) *join {
	near := reachable(dimensionPath{dimension: table}, table.Columns, d)
	seen := map[string]bool{table.Table: true}
	for depth := 1; len(near) > 0; depth++ {
		for _, r := range near {
			if named := schema.NameColumn(r.dimension); named != nil && r.id.Name == name && fits(format.String) {
				return r.to(*named)
			}
			for _, c := range r.dimension.Columns[1:] {
				plain := c.Name == name && (depth == 1 || c.Name != nameColumn.Name)
				if fits(c.Type) && (plain || qualified(r.dimension, c) == name) {
					return r.to(c)
				}
			}
		}
		var next []dimensionPath
		for _, r := range near {
			if !seen[r.dimension.Table] {
				seen[r.dimension.Table] = true
				next = append(next, reachable(r, r.dimension.Columns[1:], d)...)
			}
		}
		near = next
	}
	return nil
}

// qualified is the name of a dimension's column that is not that of another dimension's: path_mntns, where mntns is
// that of the task.
func qualified(dimension *format.Schema, c format.Column) string {
	return dimension.Table + "_" + c.Name
}

// reachable returns the dimensions that columns of r.dimension lead to, in the order of the columns.
func reachable(r dimensionPath, columns []format.Column, d Dimensions) (all []dimensionPath) {
	for _, c := range columns {
		to := schema.DimensionOf(r.dimension.Table, c, d.Schema)
		if to == nil || len(to.Columns) == 0 {
			continue
		}
		next := dimensionPath{join: join{from: c}, id: c, dimension: to}
		if r.from.Name != "" {
			next.join = *r.to(c)
		}
		all = append(all, next)
	}
	return all
}

// to returns the join that ends at a column of the dimension.
func (r *dimensionPath) to(c format.Column) *join {
	hops := append(r.hops[:len(r.hops):len(r.hops)], hop{dimension: r.dimension.Table, column: c})
	return &join{r.from, hops}
}

// open opens the lookups of a join. It must be called before follow.
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

// follow returns the value that an id leads to, in a row of v. ok is false if an id on the way is unknown.
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
