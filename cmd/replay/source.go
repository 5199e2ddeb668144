// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/merge"
)

// formatter writes rows of one table as lines. It is used by one worker.
type formatter interface {
	Columns() []string // that a batch must have
	Bind(b *format.Batch)
	Append(dst []byte, row int) []byte
}

// source is a table as merge reads it: its rows are lines.
type source struct {
	table   *format.Table
	blocks  []format.Block
	spans   []merge.Span
	span    span
	columns []string // of a line
	workers []worker
	read    atomic.Int64 // rows
}

// worker is what one reader of a source keeps from block to block.
type worker struct {
	format formatter
	batch  format.Batch
	rows   []int32
	order  merge.Order

	filter   *filter.Bound // nil: all rows
	columns  []string      // that it needs, and ts
	matched  format.Batch
	selected filter.Selection
}

// newSources makes the sources of all tables that are played: the events and what was lost of them.
func newSources(o *options, set capture.Set, span span) ([]merge.Source, error) {
	program, err := compileFilter(o, set)
	if err != nil {
		return nil, err
	}
	if program != nil {
		from, to := program.TimeRange()
		span.from, span.to = max(span.from, from), min(span.to, to)
	}
	var sources []merge.Source
	for _, c := range set {
		for _, t := range c.Tables() {
			if !played(t) || program != nil && program.PruneTable(t.Schema.Table) {
				continue
			}
			s, err := newSource(o, set, c, t.Between(span.from, span.to), program, span)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", c.Path, err)
			}
			if len(s.blocks) > 0 {
				sources = append(sources, s)
			}
		}
	}
	return sources, nil
}

// played says whether the rows of a table happened: they are events, or what was lost of them.
func played(t *format.Table) bool {
	return t.Schema.Event() || t.Schema.Table == format.LossSchema.Table
}

func compileFilter(o *options, set capture.Set) (*filter.Program, error) {
	program, err := set.Filter(o.filter)
	return program, cli.WithHint(err, "it is taken for a filter because there is no file of that name either")
}

func newSource(o *options, set capture.Set, c *capture.Capture, t *format.Table, p *filter.Program,
	span span) (*source, error) {
	if err := t.Schema.Check(format.Column{Name: "ts", Type: format.Timestamp}); err != nil {
		return nil, err
	}
	s := &source{table: t, span: span, workers: make([]worker, workers())}
	for _, b := range t.Blocks() {
		s.blocks = append(s.blocks, b)
		s.spans = append(s.spans, merge.Span{Rows: b.Rows, Min: b.MinTS, Max: b.MaxTS})
	}
	for i := range s.workers {
		w := &s.workers[i]
		f, err := newFormatter(o, set, c, t.Schema, span.start)
		if err != nil {
			return nil, err
		}
		w.format, s.columns = f, f.Columns()
		if p == nil {
			continue
		}
		if w.filter, err = c.Bind(p, t); err != nil {
			return nil, err
		}
		w.columns = append([]string{"ts"}, w.filter.Columns()...)
		if w.filter.Never() {
			s.blocks, s.spans = nil, nil
		}
	}
	return s, nil
}

func newFormatter(o *options, set capture.Set, c *capture.Capture, s *format.Schema, start int64) (formatter, error) {
	if !o.json {
		return newText(o, set, c, s, start)
	}
	fields := []jsonline.Field{{Name: "family", Value: s.Table}}
	if label := set.Label(c); label != "" {
		fields = append(fields, jsonline.Field{Name: "capture", Value: label})
	}
	return jsonline.NewEncoder(c, s, fields...)
}

func (s *source) Spans() []merge.Span { return s.spans }

// Width is what a line takes, more or less: numbers are short, texts may be long.
func (s *source) Width() int {
	width := 100
	for _, c := range s.table.Schema.Columns {
		switch c.Type {
		case format.String:
			width += 100
		case format.StringList:
			width += 1000
		default:
			width += 10
		}
	}
	return width
}

// fewRows is how many rows of a block may become late rows so that the block need not be read twice.
const fewRows = 1024

func (s *source) Read(n, block int, from, last int64, run *merge.Run) (all bool, err error) {
	w, b := &s.workers[n], s.blocks[block]
	if from == b.MinTS { // else the block was opened for its late rows before
		s.read.Add(int64(b.Rows))
	}
	ts, err := s.candidates(w, b)
	if err != nil {
		return false, err
	}
	if all = len(w.rows) <= fewRows; all {
		last = s.span.to
	}
	if err := w.within(ts, b, max(from, s.span.from), min(last, s.span.to)); err != nil {
		return false, fmt.Errorf("reading table %s: %w", s.table.Schema.Table, err)
	}
	if len(w.rows) == 0 {
		return all, nil
	}
	w.order.Sort(ts, w.rows)
	if w.filter != nil {
		if err := s.table.Read(&w.batch, b, s.columns); err != nil {
			return false, err
		}
	}
	w.format.Bind(&w.batch)
	for _, row := range w.rows {
		run.Data = w.format.Append(run.Data, int(row))
		run.End(ts[row], row)
	}
	return all, nil
}

// candidates makes w.rows those that the filter lets through, and gives the times of all. Without a filter it reads the
// whole batch.
func (s *source) candidates(w *worker, b format.Block) (ts []int64, err error) {
	w.rows = w.rows[:0]
	if w.filter == nil {
		if err := s.table.Read(&w.batch, b, s.columns); err != nil {
			return nil, err
		}
		for i := range w.batch.Rows {
			w.rows = append(w.rows, int32(i))
		}
		return w.batch.Column("ts").I64, nil
	}
	if err := s.table.Read(&w.matched, b, w.columns); err != nil {
		return nil, err
	}
	w.selected = w.filter.Match(&w.matched, w.selected)
	for i := w.selected.Next(0); i >= 0; i = w.selected.Next(i + 1) {
		w.rows = append(w.rows, int32(i))
	}
	return w.matched.Column("ts").I64, nil
}

// within keeps of w.rows those from `from` to `last`.
func (w *worker) within(ts []int64, b format.Block, from, last int64) error {
	n := 0
	for _, row := range w.rows {
		t := ts[row]
		if t < b.MinTS || t > b.MaxTS {
			return fmt.Errorf("%w: a row outside the times of its batch", format.ErrCorrupt)
		}
		if t >= from && t <= last {
			w.rows[n] = row
			n++
		}
	}
	w.rows = w.rows[:n]
	return nil
}
