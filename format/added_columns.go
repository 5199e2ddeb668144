// SPDX-License-Identifier: Apache-2.0

package format

import (
	"slices"
	"sync/atomic"
)

// addedColumns are columns that a table lacks, and that read as 0 or empty.
type addedColumns struct {
	stored  int // columns that the table has; the added ones follow them
	names   []string
	wasRead []atomic.Bool // by name
}

// AddColumns gives the table those of the columns that it lacks, with values that
// are 0 or empty, as for a reader that is newer than the capture. It must be called
// before the table is read.
func (t *Table) AddColumns(columns ...Column) {
	schema := &Schema{Table: t.Schema.Table, Columns: slices.Clone(t.Schema.Columns)}
	a := &addedColumns{stored: len(schema.Columns)}
	if t.added != nil {
		a.stored, a.names = t.added.stored, slices.Clone(t.added.names)
	}
	for _, c := range columns {
		if schema.Index(c.Name) < 0 {
			schema.Columns = append(schema.Columns, c)
			a.names = append(a.names, c.Name)
		}
	}
	if len(a.names) > 0 {
		a.wasRead = make([]atomic.Bool, len(a.names))
		t.Schema, t.added = schema, a
	}
}

// Stored returns the columns that the segments of the table have, without those that
// AddColumns added.
func (t *Table) Stored() []Column {
	if t.added == nil {
		return t.Schema.Columns
	}
	return t.Schema.Columns[:t.added.stored]
}

// AddedRead returns the names of the columns that AddColumns added and that were read.
func (t *Table) AddedRead() (names []string) {
	if t.added == nil {
		return nil
	}
	for i, name := range t.added.names {
		if t.added.wasRead[i].Load() {
			names = append(names, name)
		}
	}
	return names
}

// read notes that the columns at these positions of the table are read. They ascend.
func (a *addedColumns) read(index []int) {
	if a == nil {
		return
	}
	for _, i := range slices.Backward(index) {
		if i < a.stored {
			break
		}
		a.wasRead[i-a.stored].Store(true)
	}
}
