// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
)

// Scan reads the rows of a table that match a filter.
type Scan struct {
	Capture  *Capture
	Table    string
	Columns  []format.Column
	Filter   *filter.Program // nil: all rows
	Ordered  bool            // one worker gets all batches, in order
	Progress Progress        // nil: not reported
}

// Progress is called when the reading of a table begins, with the number of its rows and a counter of the rows that
// have been read. The function it returns is called when the reading ends.
type Progress func(table string, rows int64, read *atomic.Int64) (stop func())

// Begin calls p, which may be nil.
func (p Progress) Begin(table string, rows int64, read *atomic.Int64) (stop func()) {
	if p == nil {
		return func() {}
	}
	return p(table, rows, read)
}

// Workers is the number of goroutines that call the function of Run.
func (s *Scan) Workers() int {
	if s.Ordered {
		return 1
	}
	return s.Capture.budget.Workers()
}

// Run calls fn with batches of the matching rows. They have at least the columns of the scan. fn may change its batch.
// Rows that do not count are left out, see Counted.
// A missing table has no rows. Workers are numbered from 0, and each calls fn with one batch at a time.
func (s *Scan) Run(ctx context.Context, fn func(worker int, b *format.Batch) error) error {
	if s.Filter != nil && s.Filter.PruneTable(s.Table) {
		return nil
	}
	table, err := s.Capture.Counted(s.Table)
	if table != nil && err == nil {
		err = s.read(ctx, table, fn)
	}
	if err != nil {
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

// NarrowTo returns the table without the blocks that are outside the filter's time range.
func NarrowTo(t *format.Table, p *filter.Program) *format.Table { return t.Between(p.TimeRange()) }

// selection is the filter of one worker.
type selection struct {
	bound *filter.Bound
	match filter.Selection
	rows  []int32 // buffer of apply
}

// apply removes the rows from b that do not match.
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
