// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/format"
)

// use is a name in an expression.
type use struct {
	name   string
	column int // where it begins, see Error
}

// CheckNames returns an *Error if the expression has a name that means nothing in the rows of any of these tables, nor
// in what their ids lead to: a column of another table, of which no row of these can have a value.
func (p *Program) CheckNames(d Dimensions, tables ...*format.Schema) error {
	for _, u := range p.uses {
		has := func(t *format.Schema) bool { return means(u.name, t, d) }
		if slices.ContainsFunc(tables, has) {
			continue
		}
		var known []string
		kinds := kindsOf(tables)
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			has := func(t *format.Schema) bool { return means(name, t, d) }
			if kinds[name]&long == 0 && slices.ContainsFunc(tables, has) {
				known = append(known, name)
			}
		}
		return &Error{u.column, fmt.Sprintf("%s is a column of other events; these have %s", quoted(u.name),
			strings.Join(known, ", "))}
	}
	return nil
}

// means reports whether a name means something in the rows of a table; see bindLeaf.
func means(name string, table *format.Schema, d Dimensions) bool {
	if _, own := ownColumn(table, name); own || name == "family" {
		return true
	}
	if name == nameColumn.Name || name == callName {
		for _, c := range table.Columns {
			if isCall(table, c) {
				return true
			}
		}
	}
	return joinOf(name, func(format.Type) bool { return true }, table, d) != nil
}
