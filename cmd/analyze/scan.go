// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/term"
)

// scan is a reading of all rows of a table that a filter lets through.
type scan struct {
	capture *capture.Capture
	table   string
	columns []format.Column
	filter  *filter.Program // nil: all
	ordered bool            // blocks come in order, to one worker
}

// workers is the number of batches that are worked on at once.
func (e *env) workers() int { return runtime.GOMAXPROCS(0) }

// run calls fn with batches that have the columns; a table that is not there has no rows. fn may change its batch.
func (s scan) run(e *env, fn func(worker int, b *format.Batch) error) error {
	table := s.capture.Table(s.table)
	if table == nil || s.filter != nil && s.filter.PruneTable(s.table) {
		return nil
	}
	if err := s.read(e, table, fn); err != nil {
		return fmt.Errorf("reading %s: %w", s.capture.Path, err)
	}
	return nil
}

func (s scan) read(e *env, table *format.Table, fn func(worker int, b *format.Batch) error) error {
	if err := table.Schema.Check(s.columns...); err != nil {
		return err
	}
	names := []string{}
	for _, c := range s.columns {
		names = append(names, c.Name)
	}
	workers := e.workers()
	if s.ordered {
		workers = 1
	}
	if s.filter != nil {
		selects := make([]selection, workers)
		for i := range selects {
			bound, err := s.capture.Bind(s.filter, table)
			if err != nil {
				return err
			}
			selects[i].bound = bound
		}
		names = append(names, selects[0].bound.Columns()...)
		table = narrow(table, s.filter)
		all := fn
		fn = func(worker int, b *format.Batch) error {
			selects[worker].apply(b)
			return all(worker, b)
		}
	}
	var rows atomic.Int64
	defer e.progress(s.table, table.Rows, &rows).Stop()
	return table.Scan(e.ctx, names, workers, func(worker int, b *format.Batch) error {
		rows.Add(int64(b.Rows))
		return fn(worker, b)
	})
}

// progress shows how many rows of a table are through, once that takes more than a second.
func (e *env) progress(table string, all int64, rows *atomic.Int64) *term.Progress {
	return term.StartProgress(e.stderr, time.Second, func(elapsed time.Duration) string {
		n := rows.Load()
		return fmt.Sprintf("%s: %d %%, %s rows, %s", table, 100*n/max(all, 1), term.Count(n), term.Rate(n, elapsed))
	})
}

func narrow(t *format.Table, p *filter.Program) *format.Table {
	from, to := p.TimeRange()
	return capture.Narrow(t, from, to)
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
