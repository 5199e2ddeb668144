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
func NarrowTo(t *format.Table, p *filter.Program) *format.Table { return t.Between(p.TimeRange()) }

// selection is a filter as one worker applies it.
type selection struct {
	bound *filter.Bound
	match filter.Selection
	rows  []int32 // that match
}

// apply leaves in b only the rows that match.
func (s *selection) apply(b *format.Batch) {
	s.match = s.bound.Match(b, s.match)
	if s.match.Count() == b.Rows {
		return
	}
	s.rows = s.rows[:0]
	for i := s.match.Next(0); i >= 0; i = s.match.Next(i + 1) {
		s.rows = append(s.rows, int32(i))
	}
	b.Keep(s.rows)
}
