// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// A form is how the bytes of a member are converted to the values of a column.
type form uint8

const (
	formInt64         form = iota + 1 // s64, u64
	formInt32                         // s32
	formUint32                        // u32, widened
	formUint16                        // u16, widened
	formTime                          // ktime_ns
	formCPU                           // not in the record: the CPU of the ring
	formEnum                          // an enum, to the name of the enumerator
	formComm                          // comm_t
	formString                        // str_t
	formList                          // strlist_t
	formPath                          // dpath_t
	formContainer                     // container_t
	formAddress                       // addr_t
	formSocketAddress                 // sockaddr_t
	formText                          // text_t
)

// A record describes the records of a table. `make generate` writes the list of them (records.go) from events.h.
type record struct {
	table   string
	kind    uint32
	size    uint32 // bytes of the struct
	minSize uint32 // bytes without what a record may lack: an array and what is behind it
	members []member
}

// A member is the place of one column in a record.
type member struct {
	form   form
	offset uintptr // bytes from the start of the record
	size   uintptr // bytes
}

// A Layout describes the records of one table: the offset and form of each column.
type Layout struct {
	Schema  *format.Schema
	Kind    uint32   // enum record_kind, the first word of each record; in a call ring, its lower half
	Size    uint32   // bytes of the struct: the least that a record has, but in a call ring the most
	Bulk    bool     // a high-volume table
	minSize uint32   // bytes: the least that a record in a call ring has
	columns []column // in the order of Schema.Columns
}

// A column is a member, and the names of its values.
type column struct {
	member
	names []string // formEnum: the names by value
}

// Layouts returns the layouts of all tables of events.h, indexed by kind; kinds without a table are nil.
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

// layoutOf returns the layout of a table, which must be there.
func layoutOf(layouts []*Layout, table string) *Layout {
	return layouts[slices.IndexFunc(layouts, func(l *Layout) bool { return l != nil && l.Schema.Table == table })]
}
