// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
)

// Scan reads all rows of a table that a filter lets through.
type Scan struct {
	Capture  *Capture
	Table    string
	Columns  []format.Column
	Filter   *filter.Program // nil: all rows
	Ordered  bool            // blocks come in order, to one worker
	Progress Progress        // nil: nobody is told
}

// Progress is told of a table whose reading begins: how many rows it has, and where those that have been read are
// counted. The function it returns is called when the reading ends.
type Progress func(table string, rows int64, read *atomic.Int64) (stop func())

// Begin is p with a Progress that may be nil.
func (p Progress) Begin(table string, rows int64, read *atomic.Int64) (stop func()) {
	if p == nil {
		return func() {}
	}
	return p(table, rows, read)
}

// Workers is the number of batches that are worked on at once.
func (s *Scan) Workers() int {
	if s.Ordered {
		return 1
	}
	return runtime.GOMAXPROCS(0)
}

// Run calls fn with batches that have the columns; a table that is not there has no rows. fn may change its batch.
// Workers are numbered from 0, and each calls fn with one batch at a time.
func (s *Scan) Run(ctx context.Context, fn func(worker int, b *format.Batch) error) error {
	table := s.Capture.Table(s.Table)
	if table == nil || s.Filter != nil && s.Filter.PruneTable(s.Table) {
		return nil
	}
	if err := s.read(ctx, table, fn); err != nil {
		return fmt.Errorf("reading %s: %w", s.Capture.Path, err)
	}
	return nil
}

func (s *Scan) read(ctx context.Context, table *format.Table, fn func(worker int, b *format.Batch) error) error {
	if err := table.Schema.Check(s.Columns...); err != nil {
		return err
	}
	names := []string{}
	for _, c := range s.Columns {
		names = append(names, c.Name)
	}
	if s.Filter != nil {
		selects := make([]selection, s.Workers())
		for i := range selects {
			bound, err := s.Capture.Bind(s.Filter, table)
			if err != nil {
				return err
			}
			selects[i].bound = bound
		}
		names = append(names, selects[0].bound.Columns()...)
		table = NarrowTo(table, s.Filter)
		all := fn
		fn = func(worker int, b *format.Batch) error {
			selects[worker].apply(b)
			return all(worker, b)
		}
	}
	var rows atomic.Int64
	defer s.Progress.Begin(s.Table, table.Rows, &rows)()
	return table.Scan(ctx, names, s.Workers(), func(worker int, b *format.Batch) error {
		rows.Add(int64(b.Rows))
		return fn(worker, b)
	})
}

// NarrowTo gives the table with only those blocks that may hold a row of the filter's range of time.
func NarrowTo(t *format.Table, p *filter.Program) *format.Table {
	from, to := p.TimeRange()
	return Narrow(t, from, to)
}

// selection is a filter as one worker applies it.
type selection struct {
	bound *filter.Bound
	rows  filter.Selection
}

// apply leaves in b only the rows that match.
func (s *selection) apply(b *format.Batch) {
	s.rows = s.bound.Match(b, s.rows)
	n := s.rows.Count()
	if n == b.Rows {
		return
	}
	for i := range b.Columns {
		v := &b.Columns[i]
		switch v.Type {
		case format.Int32:
			v.I32 = keep(v.I32, s.rows)
		case format.Int64, format.Timestamp:
			v.I64 = keep(v.I64, s.rows)
		case format.String:
			v.Str = keepTexts(&v.Str, s.rows, nil)
		case format.StringList:
			v.Str = keepTexts(&v.Str, s.rows, v.Rows)
			v.Rows = keepLists(v.Rows, s.rows)
		}
	}
	b.Rows = n
}

// keep moves the selected values to the front.
func keep[T any](values []T, rows filter.Selection) []T {
	n := 0
	for i := rows.Next(0); i >= 0; i = rows.Next(i + 1) {
		values[n] = values[i]
		n++
	}
	return values[:n]
}

// keepTexts gives the texts of the selected rows. Row i has the texts from lists[i] to lists[i+1], or text i.
func keepTexts(texts *format.Strings, rows filter.Selection, lists []int32) format.Strings {
	var kept format.Strings
	kept.Reset()
	for i := rows.Next(0); i >= 0; i = rows.Next(i + 1) {
		from, to := int32(i), int32(i+1)
		if lists != nil {
			from, to = lists[i], lists[i+1]
		}
		for j := from; j < to; j++ {
			kept.Data = append(kept.Data, texts.Bytes(int(j))...)
			kept.Offsets = append(kept.Offsets, int32(len(kept.Data)))
		}
	}
	return kept
}

// keepLists gives the lists of the selected rows over the texts that keepTexts kept.
func keepLists(lists []int32, rows filter.Selection) []int32 {
	kept := []int32{0}
	for i := rows.Next(0); i >= 0; i = rows.Next(i + 1) {
		kept = append(kept, kept[len(kept)-1]+lists[i+1]-lists[i])
	}
	return kept
}
