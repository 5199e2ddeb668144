// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"math"
	"slices"
)

// Limits of one record batch and its table. The Writer refuses what exceeds
// them, and so does the reader: they bound how much memory a hostile file can
// make it allocate.
const (
	MaxRows       = 1 << 20  // rows of a batch
	MaxColumns    = 256      // columns of a table
	MaxBatchBytes = 64 << 20 // decoded bytes of a batch, all columns together
	// MaxText is the greatest length of one text in bytes. Of a list it is that of its
	// texts together, with 4 bytes for each.
	MaxText = 64 << 10
)

// Batch is some rows of one table, stored by column: Columns[i] is the column
// Schema.Columns[i] and has Rows rows.
type Batch struct {
	Schema  *Schema
	Rows    int
	Columns []Vector

	// Generation is the generation that the batch belongs to, for Writer.Append;
	// 0 leaves it to the Writer.
	Generation int
}

// NewBatch returns an empty batch of the schema.
func NewBatch(s *Schema) *Batch {
	b := &Batch{}
	b.setSchema(s)
	return b
}

// Grow reserves memory for a total of rows rows. Until there are more, appending
// allocates only for the bytes of texts.
func (b *Batch) Grow(rows int) {
	for i := range b.Columns {
		switch v := &b.Columns[i]; v.Type {
		case Int32:
			v.I32 = slices.Grow(v.I32, max(0, rows-len(v.I32)))
		case Int64, Timestamp:
			v.I64 = slices.Grow(v.I64, max(0, rows-len(v.I64)))
		case StringList:
			v.Rows = slices.Grow(v.Rows, max(0, rows+1-len(v.Rows)))
		case String:
			v.Str.Offsets = slices.Grow(v.Str.Offsets, max(0, rows+1-len(v.Str.Offsets)))
		}
	}
}

// setSchema makes b an empty batch of s and keeps as much of its memory as it can.
func (b *Batch) setSchema(s *Schema) {
	b.Schema = s
	if cap(b.Columns) < len(s.Columns) {
		b.Columns = append(b.Columns[:cap(b.Columns)], make([]Vector, len(s.Columns)-cap(b.Columns))...)
	}
	b.Columns = b.Columns[:len(s.Columns)]
	for i := range b.Columns {
		b.Columns[i].Type = s.Columns[i].Type
	}
	b.Reset()
}

// Reset empties b and keeps its memory.
func (b *Batch) Reset() {
	b.Rows = 0
	for i := range b.Columns {
		b.Columns[i].Reset()
	}
}

// Column returns the column called name, nil if the batch does not have it,
// because the table does not or because it was not among the columns read.
func (b *Batch) Column(name string) *Vector {
	if i := b.Schema.Index(name); i >= 0 {
		return &b.Columns[i]
	}
	return nil
}

// AppendRow adds one row from a map of column name to int32, int64 (also for
// timestamps, in ns), string or []string. A column that row lacks is zero or
// empty. On an error (an unknown name or a value of another type) nothing is
// added. It is meant for few rows; programs that append many fill the vectors.
func (b *Batch) AppendRow(row map[string]any) error {
	for name, value := range row {
		i := b.Schema.Index(name)
		if i < 0 {
			return fmt.Errorf("appending to table %s: no column %s", b.Schema.Table, name)
		}
		ok := false
		switch value.(type) {
		case int32:
			ok = b.Columns[i].Type == Int32
		case int64:
			ok = b.Columns[i].Type == Int64 || b.Columns[i].Type == Timestamp
		case string:
			ok = b.Columns[i].Type == String
		case []string:
			ok = b.Columns[i].Type == StringList
		}
		if !ok {
			has := b.Columns[i].Type
			return fmt.Errorf("appending to table %s: column %s is %v, not %T", b.Schema.Table, name, has, value)
		}
	}
	for i := range b.Columns {
		v, value := &b.Columns[i], row[b.Schema.Columns[i].Name]
		switch v.Type {
		case Int32:
			n, _ := value.(int32)
			v.I32 = append(v.I32, n)
		case Int64, Timestamp:
			n, _ := value.(int64)
			v.I64 = append(v.I64, n)
		case String:
			s, _ := value.(string)
			v.Str.Append(s)
		case StringList:
			list, _ := value.([]string)
			for _, s := range list {
				v.Str.Append(s)
			}
			v.Rows = append(v.Rows, int32(v.Str.Len()))
		}
	}
	b.Rows++
	return nil
}

// check returns an error unless b is consistent in itself and within the limits.
func (b *Batch) check() error {
	if len(b.Columns) != len(b.Schema.Columns) {
		return fmt.Errorf("%d columns, not %d", len(b.Columns), len(b.Schema.Columns))
	}
	if b.Rows < 0 || b.Rows > MaxRows {
		return fmt.Errorf("%d rows, not 0 to %d", b.Rows, MaxRows)
	}
	for i := range b.Columns {
		v, c := &b.Columns[i], b.Schema.Columns[i]
		if v.Type != c.Type {
			return fmt.Errorf("column %s: %v, not %v", c.Name, v.Type, c.Type)
		}
		if err := v.check(b.Rows); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	if size := b.size(); size > MaxBatchBytes {
		return fmt.Errorf("%d bytes, more than %d", size, MaxBatchBytes)
	}
	return nil
}

// Bytes returns the size of the rows in memory.
func (b *Batch) Bytes() int64 { return b.size() }

// size returns the size of b before compression, in bytes.
func (b *Batch) size() (n int64) {
	for i := range b.Columns {
		n += b.Columns[i].size()
	}
	return n
}

// timeRange returns the least and the greatest value of the column ts; ok is
// false when the batch has no such column or no rows.
func (b *Batch) timeRange() (lo, hi int64, ok bool) {
	v := b.Column("ts")
	if v == nil || v.Type != Timestamp || len(v.I64) == 0 {
		return 0, 0, false
	}
	lo, hi = math.MaxInt64, math.MinInt64
	for _, t := range v.I64 {
		lo, hi = min(lo, t), max(hi, t)
	}
	return lo, hi, true
}

// Keep removes all rows except the given ones, whose numbers must ascend. It
// works in place and allocates nothing.
func (b *Batch) Keep(rows []int32) {
	for i := range b.Columns {
		b.Columns[i].keep(rows)
	}
	b.Rows = len(rows)
}
