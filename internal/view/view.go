// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"slices"
)

// View is a way to look at a table: what its rows can be grouped by, and what is told of each group.
type View struct {
	Table    string
	By       []string // the keys that groups have if no others are asked for
	Sort     string   // the measure that they are sorted by if no other is asked for
	KeysLast bool     // keys stand behind the measures, as they may be long
	Keys     []*Key
	Measures []*Measure
}

// Key is the key of that name, nil if there is none.
func (v *View) Key(name string) *Key {
	if i := slices.IndexFunc(v.Keys, func(k *Key) bool { return k.Name == name }); i >= 0 {
		return v.Keys[i]
	}
	return nil
}

// KeyNames are the names of all keys.
func (v *View) KeyNames() []string {
	names := make([]string, len(v.Keys))
	for i, k := range v.Keys {
		names[i] = k.Name
	}
	return names
}

// Order is the measure of that name if groups can be sorted by it, else nil.
func (v *View) Order(name string) Number {
	for _, m := range v.Measures {
		if n, ok := m.Value.(Number); ok && m.Name == name {
			return n
		}
	}
	return nil
}

// Run groups the rows by the keys of these names, which must be keys of the view.
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
