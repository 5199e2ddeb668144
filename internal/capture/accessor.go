// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// Accessor gives the values of a column of a table as people see it, its own or joined, by the rows of a batch. It is
// for one goroutine.
type Accessor struct {
	Column

	source *format.Vector // of the batch: the values, or what leads to them
	i64    []int64        // of it, where they are the values
	rows   *Rows          // of a dimension: those with the column
	names  *callNames
}

// Access makes accessors for columns of a table, and reads what they join.
func (c *Capture) Access(columns []Column) ([]*Accessor, error) {
	accessors := make([]*Accessor, len(columns))
	for i, column := range columns {
		a := &Accessor{Column: column}
		switch column.Dimension {
		case "":
		case calls:
			a.names = newCallNames(c.calls.Name)
		default:
			var err error
			if a.rows, err = c.Dimension(column.Dimension).Load(column.Column); err != nil {
				return nil, err
			}
		}
		accessors[i] = a
	}
	return accessors, nil
}

// Sources are the columns of the table that a batch must have for these.
func Sources(columns []*Accessor) []string {
	var names []string
	for _, c := range columns {
		if !slices.Contains(names, c.Source) {
			names = append(names, c.Source)
		}
	}
	return names
}

// Bind makes b, which has the column's source, the batch whose rows are asked for.
func (a *Accessor) Bind(b *format.Batch) {
	a.source = b.Column(a.Source)
	if a.Own() && a.Type != format.Int32 {
		a.i64 = a.source.I64
	}
}

// At gives the value of a row of the batch, as a row of a column. It is valid until the next call.
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

// id is what leads to the value of a row.
func (a *Accessor) id(row int) int64 {
	if a.source.Type == format.Int32 {
		return int64(a.source.I32[row])
	}
	return a.source.I64[row]
}

// Int is the value of a row, a number.
func (a *Accessor) Int(row int) int64 {
	if a.i64 != nil {
		return a.i64[row]
	}
	return a.otherInt(row)
}

func (a *Accessor) otherInt(row int) int64 {
	v, at := a.At(row)
	if v.Type == format.Int32 {
		return int64(v.I32[at])
	}
	return v.I64[at]
}

// Text is the value of a row, a text. It is valid until the next call.
func (a *Accessor) Text(row int) []byte {
	v, at := a.At(row)
	return v.Str.Bytes(at)
}

// AppendCodes appends a number for the value of each row of the batch. Rows with the same number have the same value,
// in all batches; a value may have several numbers, which are small and begin at 0. It is -1 for what has none.
func (a *Accessor) AppendCodes(dst []int32) []int32 {
	switch {
	case a.names != nil:
		for _, nr := range a.source.I32 {
			dst = append(dst, a.names.code(nr))
		}
	case a.rows != nil && a.source.Type == format.Int32:
		for _, id := range a.source.I32 {
			dst = append(dst, a.rows.Index(int64(id)))
		}
	case a.rows != nil:
		for _, id := range a.source.I64 {
			dst = append(dst, a.rows.Index(id))
		}
	default:
		for range a.source.Len() {
			dst = append(dst, -1)
		}
	}
	return dst
}
