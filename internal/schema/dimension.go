// SPDX-License-Identifier: Apache-2.0

package schema

import "github.com/fletch-trace/fletch/format"

// DimensionOf is the dimension to whose rows the ids in a column of a table lead, nil if the column holds none or the
// dimension is not among the tables that schemaOf knows (it gives nil then). A number of which Tables says nothing is an
// id if there is a dimension of its name and type: both may be newer. The ids of a dimension itself lead nowhere else.
func DimensionOf(table string, c format.Column, schemaOf func(table string) *format.Schema) *format.Schema {
	d := Describe(table, c)
	name := d.Of
	if d.Meaning == Plain && (c.Type == format.Int32 || c.Type == format.Int64) {
		name = c.Name
	}
	if name == "" || name == table {
		return nil
	}
	s := schemaOf(name)
	if s == nil || d.Meaning == Plain && (s.Event() || len(s.Columns) == 0 || s.Columns[0] != c) {
		return nil
	}
	return s
}
