// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"slices"
)

// View declares what the rows of a table can be grouped by, and what is shown of each group.
type View struct {
	Table    string
	By       []string // names of the default keys
	Sort     string   // name of the default measure to sort by
	KeysLast bool     // the columns of the keys follow those of the measures, because keys may be long
	Keys     []*Key
	Measures []*Measure
}

// keys are the keys of the view, and Capture, which every view has.
func (v *View) keys() []*Key { return append(v.Keys[:len(v.Keys):len(v.Keys)], Capture) }

// Key returns the key of that name, nil if there is none.
func (v *View) Key(name string) *Key {
	keys := v.keys()
	if i := slices.IndexFunc(keys, func(k *Key) bool { return k.Name == name }); i >= 0 {
		return keys[i]
	}
	return nil
}

// KeyNames returns the names of all keys.
func (v *View) KeyNames() []string {
	var names []string
	for _, k := range v.keys() {
		names = append(names, k.Name)
	}
	return names
}

// SortBy returns the value of the measure of that name, for Result.Top. It is nil if there is no such measure, or if
// its value is not a Number.
func (v *View) SortBy(name string) Number {
	for _, m := range v.Measures {
		if n, ok := m.Value.(Number); ok && m.Name == name {
			return n
		}
	}
	return nil
}

// Run groups the rows of all captures by the keys of these names, which must be keys of the view.
func (v *View) Run(ctx context.Context, in *Input, by ...string) (*Result, error) {
	g := Grouping{}
	for _, name := range by {
		g.By = append(g.By, v.Key(name))
	}
	for _, m := range v.Measures {
		g.Count = append(g.Count, m.Value)
	}
	results, err := GroupRows(ctx, in, v.Table, g)
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// Head is the header of a column of a printed table.
type Head struct {
	Name       string
	AlignRight bool
}

// Heads returns the headers for groups by these keys.
func (v *View) Heads(by ...string) []Head {
	var keys, measures []Head
	for _, name := range by {
		keys = append(keys, Head{name, v.Key(name).AlignRight})
	}
	for _, m := range v.Measures {
		if !m.JSONOnly {
			_, number := m.Value.(Number)
			measures = append(measures, Head{m.head(), number})
		}
	}
	return arrange(v, keys, measures)
}

// Cells returns the texts of a group, one for each column of Heads.
func (v *View) Cells(g *Group) []string {
	var cells []string
	for _, m := range v.Measures {
		if !m.JSONOnly {
			cells = append(cells, m.text(g))
		}
	}
	return arrange(v, g.Texts, cells)
}

// arrange returns what belongs to the keys and what belongs to the measures, in the order of the columns.
func arrange[T any](v *View, keys, measures []T) []T {
	if v.KeysLast {
		keys, measures = measures, keys
	}
	return append(append([]T{}, keys...), measures...)
}

// Fields returns a group by these keys as the fields of a JSON object.
func (v *View) Fields(g *Group, by ...string) map[string]any {
	fields := map[string]any{}
	for i, name := range by {
		fields[name] = v.Key(name).jsonValue(g.Texts[i])
	}
	for _, m := range v.Measures {
		fields[m.field()] = m.json(g)
	}
	return fields
}
