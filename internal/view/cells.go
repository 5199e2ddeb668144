// SPDX-License-Identifier: Apache-2.0

package view

import "strconv"

// Head is the head of a column of a table.
type Head struct {
	Name  string
	Right bool // the column stands on the right
}

// Heads are the heads of the columns for groups by these keys.
func (v *View) Heads(by ...string) []Head {
	var keys, measures []Head
	for _, name := range by {
		keys = append(keys, Head{name, v.Key(name).Right})
	}
	for _, m := range v.Measures {
		if !m.JSONOnly {
			_, number := m.Value.(Number)
			measures = append(measures, Head{m.head(), number})
		}
	}
	return arrange(v, keys, measures)
}

// Cells are the texts of a group in the columns of Heads.
func (v *View) Cells(g *Group) []string {
	var cells []string
	for _, m := range v.Measures {
		if !m.JSONOnly {
			cells = append(cells, m.text(g))
		}
	}
	return arrange(v, g.Texts, cells)
}

// arrange puts what belongs to keys and what to measures in their order.
func arrange[T any](v *View, keys, measures []T) []T {
	if v.KeysLast {
		keys, measures = measures, keys
	}
	return append(append([]T{}, keys...), measures...)
}

// Fields are a group by these keys for JSON.
func (v *View) Fields(g *Group, by ...string) map[string]any {
	fields := map[string]any{}
	for i, name := range by {
		fields[name] = v.Key(name).value(g.Texts[i])
	}
	for _, m := range v.Measures {
		fields[m.field()] = m.json(g)
	}
	return fields
}

// value is a key's text for JSON.
func (k *Key) value(text string) any {
	if !k.Number {
		return text
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return nil
}
