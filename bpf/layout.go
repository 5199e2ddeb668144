// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// A form says how the bytes of a member become the values of a column.
type form uint8

const (
	formInt64     form = iota + 1 // s64, u64
	formInt32                     // s32
	formUint32                    // u32, widened
	formUint16                    // u16, widened
	formTime                      // ktime_ns
	formCPU                       // not in the record: the ring's
	formEnum                      // enum: an enumerator's name
	formComm                      // comm_t
	formString                    // str_t
	formList                      // strlist_t
	formPath                      // dpath_t
	formContainer                 // container_t
	formAddress                   // addr_t
)

// A record is what events.h says of one table's struct; `make generate` makes the list of them.
type record struct {
	table   string
	kind    uint32
	size    uint32
	minSize uint32
	members []member
}

// A member is where one column lies in a record.
type member struct {
	form   form
	offset uintptr // bytes from the start of the record
	size   uintptr // bytes
}

// A Layout is one table as the programs write it: where in a record each column is.
type Layout struct {
	Schema  *format.Schema
	Kind    uint32 // enum record_kind, the first word of each record
	Size    uint32 // bytes a record has at least; in a ring of the calls' own, at most
	Bulk    bool   // it comes by the million
	minSize uint32 // bytes a record in a ring of the calls' own has at least: without the last member if that is an array
	// columns are in the order of Schema.Columns.
	columns []column
}

// A column is a member with the words that its values stand for.
type column struct {
	member
	words []string // formEnum: by value
}

// Layouts are all tables of events.h, indexed by kind; nil where there is none.
func Layouts() []*Layout {
	var layouts []*Layout
	for _, r := range records {
		t := schema.Of(r.table)
		l := &Layout{Schema: t.Schema, Kind: r.kind, Size: r.size, minSize: r.minSize, Bulk: t.Bulk}
		for i, m := range r.members {
			l.columns = append(l.columns, column{m, t.Columns[i].Values})
		}
		for uint32(len(layouts)) <= r.kind {
			layouts = append(layouts, nil)
		}
		layouts[r.kind] = l
	}
	return layouts
}

// layoutOf is the layout of a table that there is.
func layoutOf(layouts []*Layout, table string) *Layout {
	return layouts[slices.IndexFunc(layouts, func(l *Layout) bool { return l != nil && l.Schema.Table == table })]
}
