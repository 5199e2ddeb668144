// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"slices"
	"sync"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Dimension is a table that ids in other tables lead to. A column is read when it is first loaded.
type Dimension struct {
	Schema *format.Schema // of the capture, or of this version if the capture lacks the table; column 0 is the id

	ctx    context.Context
	budget *budget.Budget
	rows   func() (*format.Table, error) // the table, see Capture.Counted
	mu     sync.Mutex
	index  *idIndex
	loaded map[format.Column]format.Vector
}

// Rows are the rows of a dimension with some of its columns. Row 0 stands for all unknown ids: its numbers are 0 and
// its texts empty.
type Rows struct {
	*format.Batch

	index *idIndex
}

// Index returns the row of an id, 0 if it is unknown.
func (r *Rows) Index(id int64) int32 { return r.index.row(id) }

// Dimension returns the dimension of that name, nil if neither the capture nor this version has such a table.
func (c *Capture) Dimension(name string) *Dimension {
	s := c.schemaOf(name)
	if s == nil || len(s.Columns) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.dimensions[name]
	if d == nil {
		d = &Dimension{Schema: s, ctx: c.ctx, budget: c.budget, loaded: map[format.Column]format.Vector{},
			rows: func() (*format.Table, error) { return c.Counted(name) }}
		c.dimensions[name] = d
	}
	return d
}

// schemaOf returns the schema of a table of the capture, or else of this version; nil if neither has it.
func (c *Capture) schemaOf(name string) *format.Schema {
	if t := c.Table(name); t != nil {
		return t.Schema
	}
	if t := schema.Of(name); t != nil {
		return t.Schema
	}
	return nil
}

// Load returns all rows with these columns, which are kept in memory for the next call. A column that the table lacks
// has zero values; one that it has with another type is an error that wraps format.ErrCorrupt.
func (d *Dimension) Load(columns ...format.Column) (*Rows, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var missing []format.Column
	for _, c := range columns {
		if _, ok := d.loaded[c]; !ok {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 || d.index == nil {
		rows, err := d.read(missing...)
		if err != nil {
			return nil, err
		}
		d.index = rows.index
		for i, c := range missing {
			d.loaded[c] = rows.Columns[i]
		}
	}
	b := &format.Batch{Schema: &format.Schema{Table: d.Schema.Table, Columns: columns}, Rows: d.index.rows}
	for _, c := range columns {
		b.Columns = append(b.Columns, d.loaded[c])
	}
	return &Rows{b, d.index}, nil
}

// read is Load without keeping the columns.
func (d *Dimension) read(columns ...format.Column) (*Rows, error) {
	columns = slices.Clone(columns)
	id := slices.IndexFunc(columns, func(c format.Column) bool { return c.Name == d.Schema.Columns[0].Name })
	if id < 0 && d.index == nil {
		id = len(columns)
		columns = append(columns, d.Schema.Columns[0])
	}
	b := format.NewBatch(&format.Schema{Table: d.Schema.Table, Columns: columns})
	if err := b.AppendRow(nil); err != nil {
		return nil, err
	}
	if err := d.scan(b); err != nil {
		return nil, err
	}
	index := d.index
	if index == nil {
		if err := d.reserve(indexBytes * int64(b.Rows)); err != nil {
			return nil, err
		}
		index = newIDIndex(&b.Columns[id])
	}
	return &Rows{b, index}, nil
}

// scan appends all rows of the table to b.
func (d *Dimension) scan(b *format.Batch) error {
	table, err := d.rows()
	if table == nil {
		return err
	}
	var names []string
	for _, c := range b.Schema.Columns {
		if table.Schema.Index(c.Name) < 0 {
			continue
		}
		if err := table.Schema.Check(c); err != nil {
			return err
		}
		names = append(names, c.Name)
	}
	if err := d.reserve(rowBytes(b.Schema) * (table.Rows + 1)); err != nil {
		return err
	}
	b.Grow(int(table.Rows) + 1)
	return table.Scan(d.ctx, names, 1, func(_ int, part *format.Batch) error {
		// Before they are appended, which can take as much again for a moment.
		for i, c := range b.Schema.Columns {
			if v := part.Column(c.Name); v != nil {
				if err := d.reserve(growth(b.Columns[i].Str.Data, len(v.Str.Data))); err != nil {
					return err
				}
			}
		}
		for i, c := range b.Schema.Columns {
			appendVector(&b.Columns[i], part.Column(c.Name), part.Rows)
		}
		b.Rows += part.Rows
		return nil
	})
}

// reserve reserves memory for rows of the dimension.
func (d *Dimension) reserve(bytes int64) error {
	return d.budget.Reserve("the table "+d.Schema.Table, bytes)
}

// rowBytes is what a row takes, without its texts.
func rowBytes(s *format.Schema) (n int64) {
	for _, c := range s.Columns {
		switch c.Type {
		case format.Int32, format.String:
			n += 4
		default: // of a list, its first text
			n += 8
		}
	}
	return n
}

// growth is how many bytes to reserve before more of them are appended to a text.
func growth(text []byte, more int) int64 {
	if len(text)+more <= cap(text) {
		return 0
	}
	return int64(more + max(len(text), more))
}

// appendVector appends the values of src, which are `rows`, or as many zero values if src is nil.
func appendVector(dst, src *format.Vector, rows int) {
	if src == nil {
		src = &format.Vector{Type: dst.Type, I32: make([]int32, rows), I64: make([]int64, rows),
			Rows: make([]int32, rows+1)}
		src.Str.Offsets = make([]int32, rows+1)
	}
	switch dst.Type {
	case format.Int32:
		dst.I32 = append(dst.I32, src.I32...)
	case format.Int64, format.Timestamp:
		dst.I64 = append(dst.I64, src.I64...)
	case format.String:
		appendTexts(&dst.Str, &src.Str, 0, src.Str.Len())
	case format.StringList:
		from, to := src.Rows[0], src.Rows[rows]
		first := int32(dst.Str.Len()) - from
		for _, end := range src.Rows[1:] {
			dst.Rows = append(dst.Rows, first+end)
		}
		appendTexts(&dst.Str, &src.Str, int(from), int(to))
	}
}

// appendTexts appends texts number from to to-1 of src.
func appendTexts(dst, src *format.Strings, from, to int) {
	start := src.Offsets[from]
	first := int32(len(dst.Data)) - start
	dst.Data = append(dst.Data, src.Data[start:src.Offsets[to]]...)
	for _, end := range src.Offsets[from+1 : to+1] {
		dst.Offsets = append(dst.Offsets, first+end)
	}
}

// Texts is a column of text of a dimension.
type Texts struct{ rows *Rows }

// Texts loads a column of text of a dimension that this version has.
func (c *Capture) Texts(dimension, column string) (*Texts, error) {
	rows, err := c.Dimension(dimension).Load(format.Column{Name: column, Type: format.String})
	return &Texts{rows}, err
}

// Index returns the row of an id, 0 if it is unknown.
func (t *Texts) Index(id int64) int32 { return t.rows.Index(id) }

// At returns the text of a row, "" for row 0.
func (t *Texts) At(row int32) string { return t.rows.Columns[0].Str.At(int(row)) }
