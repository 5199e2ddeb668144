// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"cmp"
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// Accessor gives the values of a column, the table's own or a joined one, for the rows of a batch. It is for one
// goroutine.
type Accessor struct {
	Column

	source *format.Vector // of the batch: the values, or the ids or call numbers that lead to them
	i64    []int64        // source.I64 if it has the values; else nil
	rows   *Rows          // of the dimension, for a joined column
	names  *callNames     // for names of system calls
}

// Access makes accessors for columns of a table, and loads the dimensions.
func (c *Capture) Access(columns []Column) ([]*Accessor, error) {
	accessors := make([]*Accessor, len(columns))
	for i, column := range columns {
		a := &Accessor{Column: column}
		c.noteArgs(column.Own() && column.Name == argsColumn)
		switch column.Dimension {
		case "":
		case callDimension:
			a.names = newCallNames(c.calls.Name)
		default:
			var err error
			of := format.Column{Name: cmp.Or(column.field, column.Name), Type: column.Type}
			if a.rows, err = c.Dimension(column.Dimension).Load(of); err != nil {
				return nil, err
			}
		}
		accessors[i] = a
	}
	return accessors, nil
}

// Sources returns the columns of the table that a batch must have for these accessors.
func Sources(columns []*Accessor) []string {
	var names []string
	for _, c := range columns {
		if !slices.Contains(names, c.Source) {
			names = append(names, c.Source)
		}
	}
	return names
}

// Bind sets the batch that rows are in. It must have the column Source.
func (a *Accessor) Bind(b *format.Batch) {
	a.source = b.Column(a.Source)
	if a.Own() && a.Type != format.Int32 {
		a.i64 = a.source.I64
	}
}

// At returns where the value of a row of the batch is: in row `at` of v. It is valid until the next call.
func (a *Accessor) At(row int) (v *format.Vector, at int) {
	if a.Dimension == "" {
		return a.source, row
	}
	return a.join(row)
}

func (a *Accessor) join(row int) (v *format.Vector, at int) {
	if a.names != nil {
		return a.names.at(a.source.I32[row])
	}
	return &a.rows.Columns[0], int(a.rows.Index(a.id(row)))
}

// id returns the id in a row.
func (a *Accessor) id(row int) int64 {
	if a.source.Type == format.Int32 {
		return int64(a.source.I32[row])
	}
	return a.source.I64[row]
}

// Int returns the value of a row of a column of integers.
func (a *Accessor) Int(row int) int64 {
	if a.i64 != nil {
		return a.i64[row]
	}
	return a.convertedInt(row)
}

func (a *Accessor) convertedInt(row int) int64 {
	v, at := a.At(row)
	if v.Type == format.Int32 {
		return int64(v.I32[at])
	}
	return v.I64[at]
}

// Text returns the value of a row of a column of text. It is valid until the next call.
func (a *Accessor) Text(row int) []byte {
	v, at := a.At(row)
	return v.Str.Bytes(at)
}

// AppendCodes appends a code for the value of each row of the batch from, up to but without `to`. Rows with the same
// code have the same value, also in different batches. Codes are small and begin at 0. A value may have several codes,
// or none: -1.
func (a *Accessor) AppendCodes(dst []int32, from, to int) []int32 {
	switch {
	case a.names != nil:
		for _, nr := range a.source.I32[from:to] {
			dst = append(dst, a.names.code(nr))
		}
	case a.rows != nil && a.source.Type == format.Int32:
		for _, id := range a.source.I32[from:to] {
			dst = append(dst, a.rows.Index(int64(id)))
		}
	case a.rows != nil:
		for _, id := range a.source.I64[from:to] {
			dst = append(dst, a.rows.Index(id))
		}
	default:
		for range to - from {
			dst = append(dst, -1)
		}
	}
	return dst
}
