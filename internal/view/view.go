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

// by returns the keys of these names, with those that come with them.
func (v *View) by(names []string) (keys []*Key) {
	for _, name := range names {
		k := v.Key(name)
		keys = append(keys, k)
		if k.With != nil {
			keys = append(keys, k.With)
		}
	}
	return keys
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
	g := Grouping{By: v.by(by)}
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

// Cells returns the headers of a table of groups by these keys, and a function that makes the row of one of them.
func (v *View) Cells(groups []*Group, by ...string) (heads []Head, row func(g *Group) []string) {
	var keys, measures []Head
	var shown []int
	for i, k := range v.by(by) {
		if slices.Contains(by, k.Name) || slices.ContainsFunc(groups, func(g *Group) bool { return g.Texts[i] != "" }) {
			keys, shown = append(keys, Head{k.Name, k.AlignRight}), append(shown, i)
		}
	}
	for _, m := range v.Measures {
		if !m.JSONOnly {
			_, number := m.Value.(Number)
			measures = append(measures, Head{m.head(), number})
		}
	}
	return arrange(v, keys, measures), func(g *Group) []string {
		var texts, cells []string
		for _, i := range shown {
			texts = append(texts, g.Texts[i])
		}
		for _, m := range v.Measures {
			if !m.JSONOnly {
				cells = append(cells, m.text(g))
			}
		}
		return arrange(v, texts, cells)
	}
}

// arrange returns what belongs to the keys and what belongs to the measures, in the order of the columns.
func arrange[T any](v *View, keys, measures []T) []T {
	if v.KeysLast {
		keys, measures = measures, keys
	}
	return append(append([]T{}, keys...), measures...)
}

// Fields returns a group by these keys as the fields of a JSON object. Only Result.Other has the field other.
func (v *View) Fields(g *Group, by ...string) map[string]any {
	fields := map[string]any{}
	for i, k := range v.by(by) {
		fields[k.Name] = k.jsonValue(g.Texts[i])
	}
	for _, m := range v.Measures {
		fields[m.field()] = m.json(g)
	}
	if g.Other {
		fields["other"] = true
	}
	return fields
}
