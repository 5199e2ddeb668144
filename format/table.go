// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Table is one table of a capture.
type Table struct {
	Schema   *Schema
	Segments []Segment // in the order they were written
	Rows     int64     // of all segments
	Bytes    int64     // of all segments

	added *addedColumns // nil: none
}

// projection is a selection of a table's columns, in the table's order.
type projection struct {
	schema *Schema
	index  []int // index[i] is the position of schema.Columns[i] in the table
}

// addSegment appends a segment, which must have the columns of those before.
func (t *Table) addSegment(s Segment) {
	if s.schema != nil {
		if t.Schema == nil {
			t.Schema = &s.schema.Schema
		}
		if !s.schema.equal(t.Schema) {
			s.refuse("other columns than the segments before")
		}
	}
	for i := range s.Blocks {
		s.Blocks[i].Segment = len(t.Segments)
	}
	t.Segments = append(t.Segments, s)
	t.Rows += s.Rows
	t.Bytes += s.Bytes
}

// dropUndecodable drops blocks that cannot be decoded from the end of segments
// that were not finished: after a power failure a file can have its full length
// although its last pages never reached the disk.
func (t *Table) dropUndecodable() {
	var b Batch
	for i := range t.Segments {
		s := &t.Segments[i]
		for !s.Complete && len(s.Blocks) > 0 {
			last := len(s.Blocks) - 1
			err := t.Read(&b, s.Blocks[last], nil)
			if err == nil || errors.Is(err, ErrTooLarge) {
				break
			}
			s.Damage = err
			s.Rows -= int64(s.Blocks[last].Rows)
			t.Rows -= int64(s.Blocks[last].Rows)
			s.Blocks = s.Blocks[:last]
		}
	}
}

// Blocks returns the record batches of all segments, in order.
func (t *Table) Blocks() []Block {
	var blocks []Block
	for _, s := range t.Segments {
		blocks = append(blocks, s.Blocks...)
	}
	return blocks
}

func (t *Table) project(columns []string) projection {
	p := projection{schema: t.Schema}
	for i, c := range t.Schema.Columns {
		if columns == nil || slices.Contains(columns, c.Name) {
			p.index = append(p.index, i)
		}
	}
	t.added.read(p.index)
	if len(p.index) < len(t.Schema.Columns) {
		p.schema = &Schema{Table: t.Schema.Table, Columns: make([]Column, len(p.index))}
		for i, from := range p.index {
			p.schema.Columns[i] = t.Schema.Columns[from]
		}
	}
	return p
}

// Read decodes the named columns of one block into dst, whose memory it reuses;
// nil means all columns. They keep the order of the table, and names that the table
// lacks are ignored: dst.Schema becomes the schema of the columns read. Read may be
// called concurrently. On an error, which is ErrCorrupt or one of the file system,
// dst is empty.
func (t *Table) Read(dst *Batch, b Block, columns []string) error {
	return t.ReadLarge(dst, b, columns, nil)
}

// ReadLarge is Read, but it calls large, once, before most of a batch is decoded that
// takes more than 8 MiB, or half of what it may take, so that the caller can wait until
// there is memory for it.
func (t *Table) ReadLarge(dst *Batch, b Block, columns []string, large func()) error {
	p := t.project(columns)
	if dst.Schema != nil && dst.Schema.equal(p.schema) {
		p.schema = dst.Schema
	}
	return t.read(dst, b, p, make([]layout, len(p.index)), large)
}

// read is Read with a projection, and layouts as memory for one layout per column.
// large is called before most of a large batch is decoded, unless it is nil.
func (t *Table) read(dst *Batch, b Block, p projection, layouts []layout, large func()) error {
	dst.setSchema(p.schema)
	if b.Segment < 0 || b.Segment >= len(t.Segments) || t.Segments[b.Segment].schema == nil || b.at.metadata < 8 {
		return fmt.Errorf("reading table %s: a block of another table", t.Schema.Table)
	}
	s := &t.Segments[b.Segment]
	stored := 0 // columns that are in the file; those that AddColumns added follow them
	for ; stored < len(p.index) && p.index[stored] < len(s.schema.layouts); stored++ {
		layouts[stored] = s.schema.layouts[p.index[stored]]
	}
	d := decoders.Get().(*decoder)
	defer d.release()
	d.large = large
	if err := d.decode(s.r, b.at, layouts[:stored], dst, s.limit); err != nil {
		dst.Reset()
		return fmt.Errorf("reading segment %s: batch at %d: %w", s.Name, b.at.offset, corrupt(err))
	}
	for i := stored; i < len(dst.Columns); i++ {
		dst.Columns[i].appendZeros(dst.Rows)
	}
	if b.kept != nil {
		d.rows = b.kept.appendRows(d.rows[:0])
		dst.Keep(d.rows)
	}
	return nil
}

// maxLarge is how many large batches a Scan has in memory at once.
const maxLarge = 2

// Scan reads all blocks, as Read does, and calls fn with each. It runs workers
// goroutines (0 means GOMAXPROCS), each with one batch that it reuses: b is valid
// until fn returns. worker, from 0 to workers-1, is the number of the goroutine,
// whose calls never overlap. With one worker the blocks come in order. The first
// error of reading or of fn, or the end of ctx, stops the scan and is returned.
func (t *Table) Scan(ctx context.Context, columns []string, workers int, fn func(worker int, b *Batch) error) error {
	blocks := t.Blocks()
	p := t.project(columns)
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	workers = min(workers, len(blocks))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	large := make(chan struct{}, maxLarge)
	work := func(worker int) {
		var b Batch
		isLarge := false
		enter := func() { large <- struct{}{}; isLarge = true }
		layouts := make([]layout, len(p.index))
		for ctx.Err() == nil {
			i := next.Add(1) - 1
			if i >= int64(len(blocks)) {
				return
			}
			err := t.read(&b, blocks[i], p, layouts, enter)
			if err == nil {
				err = fn(worker, &b)
			}
			if err != nil {
				cancel(err)
			}
			if isLarge { // do not keep its memory
				b = Batch{}
				<-large
				isLarge = false
			}
		}
	}
	if workers == 1 {
		work(0)
	} else {
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() { work(worker) })
		}
		wg.Wait()
	}
	return context.Cause(ctx)
}

// Between returns the table with only those blocks that may have a row whose ts
// is at least from and at most to, in ns since the Unix epoch. Such a block may
// have other rows as well. A table without the column ts is returned unchanged.
func (t *Table) Between(from, to int64) *Table {
	i := t.Schema.Index("ts")
	if i < 0 || t.Schema.Columns[i].Type != Timestamp || from == math.MinInt64 && to == math.MaxInt64 {
		return t
	}
	narrow := *t
	narrow.Segments = slices.Clone(t.Segments)
	narrow.Rows = 0
	for i := range narrow.Segments {
		s := &narrow.Segments[i]
		outside := func(b Block) bool { return b.MaxTS < from || b.MinTS > to }
		s.Blocks = slices.DeleteFunc(slices.Clone(s.Blocks), outside)
		for _, b := range s.Blocks {
			narrow.Rows += int64(b.Rows)
		}
	}
	return &narrow
}
