// SPDX-License-Identifier: Apache-2.0

package arrowtable

import (
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/fletch-trace/fletch/format"
)

// Options say what of a table a Reader reads. The zero value is all of it.
type Options struct {
	// Columns are the names of the columns; nil is all. Records have them in the
	// order of the table.
	Columns []string
	// From and To are the range of the column ts, to the nanosecond and both
	// included; the zero time is no bound. Batches that lie outside are not read. A
	// table without ts, such as cgroup, is not bounded.
	From, To time.Time
	// Select, if not nil, chooses rows of b, a batch of the columns above: it appends
	// their numbers in ascending order to rows, which is empty, and returns the result.
	Select func(b *format.Batch, rows []int32) []int32
}

// Reader reads a table of a capture record by record: one for each record batch
// with a selected row, in the order in which they were written. It is an
// array.RecordReader, for use by one goroutine.
//
// The memory of a record that is released is reused for later ones. A record that
// is retained stays valid, also after the release of the Reader and the Close of the
// capture. Bytes that are not UTF-8, which no recorder writes, are replaced by U+FFFD.
type Reader struct {
	references atomic.Int64
	schema     *arrow.Schema
	table      *format.Table
	columns    []string // to be read
	from, to   int64    // ns
	selectRows func(b *format.Batch, rows []int32) []int32

	blocks []format.Block // still to be read
	free   chan *batchMemory
	times  format.Batch // the column ts of a block that lies partly outside from..to
	rows   []int32      // numbers of selected rows
	record arrow.Record
	err    error
}

var _ array.RecordReader = (*Reader)(nil)

// NewReader returns a Reader of the table of c called table. It is an error if c
// has no such table, or the table lacks one of the columns. The caller calls Release
// when it is done, and closes c itself.
func NewReader(c *format.Capture, table string, o Options) (*Reader, error) {
	t := c.Table(table)
	if t == nil {
		return nil, fmt.Errorf("reading capture %s: no table %s", c.Path, table)
	}
	r, err := NewTableReader(t, &c.Manifest, o)
	if err != nil {
		return nil, fmt.Errorf("reading capture %s: %w", c.Path, err)
	}
	return r, nil
}

// NewTableReader is NewReader for a table of a capture with the manifest m, such as
// one that only some of the rows were selected from.
func NewTableReader(t *format.Table, m *format.Manifest, o Options) (*Reader, error) {
	schema := t.Schema
	if o.Columns != nil {
		schema = &format.Schema{Table: t.Schema.Table}
		for _, column := range t.Schema.Columns {
			if slices.Contains(o.Columns, column.Name) {
				schema.Columns = append(schema.Columns, column)
			}
		}
		for _, name := range o.Columns {
			if schema.Index(name) < 0 {
				return nil, fmt.Errorf("table %s has no column %s", schema.Table, name)
			}
		}
	}
	r := &Reader{
		schema: NewSchema(schema, m), columns: o.Columns,
		from: math.MinInt64, to: math.MaxInt64, selectRows: o.Select,
		free: make(chan *batchMemory, 2),
	}
	if !o.From.IsZero() {
		r.from = unixNano(o.From)
	}
	if !o.To.IsZero() {
		r.to = unixNano(o.To)
	}
	r.references.Store(1)
	r.table = t.Between(r.from, r.to)
	r.blocks = r.table.Blocks()
	return r, nil
}

// Retain adds a reference to the Reader.
func (r *Reader) Retain() { r.references.Add(1) }

// Release removes a reference. With the last one the current record is released,
// and Next returns false.
func (r *Reader) Release() {
	if r.references.Add(-1) == 0 {
		r.setRecord(nil)
		r.blocks = nil
	}
}

// Schema returns the schema of the records, see NewSchema.
func (r *Reader) Schema() *arrow.Schema { return r.schema }

// Record returns the current record, valid until Next is called unless it is
// retained; nil before the first and after the last.
func (r *Reader) Record() arrow.Record { return r.record }

// Err returns the error because of which Next returned false: format.ErrCorrupt, or
// one of the file system; nil after the last record.
func (r *Reader) Err() error { return r.err }

// Next reads the next record. It returns false after the last one, and on an error.
func (r *Reader) Next() bool {
	r.setRecord(nil)
	for len(r.blocks) > 0 && r.err == nil {
		block := r.blocks[0]
		r.blocks = r.blocks[1:]
		var m *batchMemory
		select {
		case m = <-r.free:
		default:
			m = &batchMemory{free: r.free}
		}
		if r.err = r.read(&m.Batch, block); r.err != nil {
			return false
		}
		if m.Rows > 0 {
			r.setRecord(newRecord(r.schema, &m.Batch, m.wrap))
			return true
		}
		m.reuse()
	}
	return false
}

func (r *Reader) setRecord(record arrow.Record) {
	if r.record != nil {
		r.record.Release()
	}
	r.record = record
}

// read decodes the selected rows of a block into b.
func (r *Reader) read(b *format.Batch, block format.Block) error {
	if err := r.table.Read(b, block, r.columns); err != nil {
		return err
	}
	if block.MinTS < r.from || block.MaxTS > r.to {
		if err := r.keepTimeRange(b, block); err != nil {
			return err
		}
	}
	if r.selectRows != nil {
		if r.rows = r.selectRows(b, r.rows[:0]); len(r.rows) < b.Rows {
			b.Keep(r.rows)
		}
	}
	for i := range b.Columns {
		b.Columns[i].Str.MakeValid()
	}
	return nil
}

// keepTimeRange removes the rows of b that are outside of from..to.
func (r *Reader) keepTimeRange(b *format.Batch, block format.Block) error {
	if err := r.table.Read(&r.times, block, []string{"ts"}); err != nil {
		return err
	}
	ts := r.times.Column("ts")
	if ts == nil || ts.Type != format.Timestamp {
		return nil
	}
	r.rows = r.rows[:0]
	for i, t := range ts.I64 {
		if t >= r.from && t <= r.to {
			r.rows = append(r.rows, int32(i))
		}
	}
	if len(r.rows) < b.Rows {
		b.Keep(r.rows)
	}
	return nil
}

// unixNano is t.UnixNano, and the least or the greatest int64 for a time that is too far from 1970 for it.
func unixNano(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}
