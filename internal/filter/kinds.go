// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"maps"
	"slices"
	"sync"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// kinds is the set of kinds of values that columns of one name have. In different tables they may have different ones.
type kinds uint8

const (
	number   kinds = 1 << iota
	text           // utf8
	list           // list of utf8
	moment         // a number that is a time
	duration       // a number of nanoseconds
	long           // the name is a qualified one, which is not suggested
)

func (k kinds) String() string {
	switch {
	case k&moment != 0:
		return "a time"
	case k&duration != 0:
		return "a duration"
	case k&number != 0:
		return "a number"
	case k&list != 0:
		return "a list of texts"
	}
	return "a text"
}

// aliases are short names of columns.
var aliases = map[string]string{"duration": "duration_ns"}

// knownNames are the names in the tables of this version, and the kinds of each. They can be used even if a capture
// lacks the table, because the same filter should work for many captures.
var knownNames = sync.OnceValue(func() map[string]kinds {
	all := map[string]kinds{"family": text}
	for _, t := range slices.Concat(schema.Tables, []*schema.Table{schema.Loss}) {
		addKinds(all, t.Schema, knownSchema)
	}
	for short, name := range aliases {
		all[short] |= all[name]
	}
	return all
})

// knownSchema returns the schema of a table of this version, nil if there is none of that name.
func knownSchema(name string) *format.Schema {
	if t := schema.Of(name); t != nil {
		return t.Schema
	}
	return nil
}

// kindsOf returns knownNames and the columns of tables, which may be of a newer version.
func kindsOf(tables []*format.Schema) map[string]kinds {
	if len(tables) == 0 {
		return knownNames()
	}
	all := maps.Clone(knownNames())
	of := func(name string) *format.Schema {
		for _, t := range tables {
			if t.Table == name {
				return t
			}
		}
		return knownSchema(name)
	}
	for _, t := range tables {
		addKinds(all, t, of)
	}
	return all
}

// addKinds adds the columns of a table. A column of ids is also a text if the dimension has names.
func addKinds(all map[string]kinds, t *format.Schema, of func(name string) *format.Schema) {
	for _, c := range t.Columns {
		all[c.Name] |= kindOf(schema.Describe(t.Table, c))
		if t.Columns[0].Name == t.Table && c.Name != t.Table {
			all[qualified(t, c)] |= kindOf(schema.Describe(t.Table, c)) | long
		}
		if d := schema.DimensionOf(t.Table, c, of); d != nil && schema.NameColumn(d) != nil {
			all[c.Name] |= text
		}
		if isCall(t, c) {
			all[nameColumn.Name] |= text
			all[callName] |= text
		}
	}
}

func kindOf(c schema.Column) kinds {
	switch c.Type {
	case format.Timestamp:
		return number | moment
	case format.Int32, format.Int64:
		if c.Meaning == schema.Duration {
			return number | duration
		}
		return number
	case format.String:
		return text
	case format.StringList:
		return list
	}
	return 0
}
