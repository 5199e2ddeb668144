// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/merge"
)

// formatter formats rows of one table as lines. It is used by one worker.
type formatter interface {
	Columns() []string                 // that a batch must have
	Bind(b *format.Batch)              // sets the batch that Append formats rows of
	Append(dst []byte, row int) []byte // appends the line of a row
}

// source is a table of one capture as a merge.Source: the bytes of a row are its line.
type source struct {
	table   *format.Table
	blocks  []format.Block
	spans   []merge.Span   // of blocks
	span    capture.Window // --from to --to, narrowed by the filter
	columns []string       // that formatters need
	workers []worker
	read    atomic.Int64  // rows read so far
	gate    chan struct{} // of all sources, for large batches
}

// maxLarge is how many large batches are in memory at once.
const maxLarge = 2

// enter waits until there is memory for a large batch.
func (w *worker) enter() {
	if !w.large {
		w.gate <- struct{}{}
		w.large = true
	}
}

// leave forgets the batch if it is large.
func (w *worker) leave() {
	if w.large {
		w.rows, w.order, w.matched = nil, merge.Order{}, format.Batch{}
		if w.batch.Schema != nil { // the formatter has parts of it
			w.batch = *format.NewBatch(w.batch.Schema)
			w.formatter.Bind(&w.batch)
		}
		<-w.gate
		w.large = false
	}
}

// worker is the state of one worker of the merge.
type worker struct {
	formatter formatter
	batch     format.Batch
	rows      []int32
	order     merge.Order
	gate      chan struct{} // of the sources; has room for maxLarge
	large     bool          // it is in the gate, because its batch is large

	filter   *filter.Bound    // nil: all rows; with a filter:
	columns  []string         // ts and the columns that the filter needs
	matched  format.Batch     // these columns
	selected filter.Selection // the rows that match
}

// newSources makes a source for each table of events and losses that may have rows to be written.
func newSources(ctx context.Context, o *options, set capture.Set, span capture.Window) ([]merge.Source, error) {
	program, err := compileFilter(o, set)
	if err != nil {
		return nil, err
	}
	if program != nil {
		from, to := program.TimeRange()
		span.From, span.To = max(span.From, from), min(span.To, to)
	}
	var sources []merge.Source
	gate := make(chan struct{}, maxLarge)
	for _, c := range set {
		for _, t := range c.Tables() {
			if !isPlayed(t) || program != nil && program.PruneTable(t.Schema.Table) {
				continue
			}
			counted, err := c.Counted(t.Schema.Table)
			var s *source
			if err == nil {
				s, err = newSource(ctx, o, set, c, counted.Between(span.From, span.To), program, span, gate)
			}
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

// isPlayed reports whether a table is played: it has events or losses.
func isPlayed(t *format.Table) bool {
	return t.Schema.Event() || t.Schema.Table == format.LossSchema.Table
}

// compileFilter returns nil if there is no filter.
func compileFilter(o *options, set capture.Set) (*filter.Program, error) {
	program, err := set.Filter(o.filter)
	return program, cli.WithHint(err, "it is taken for a filter because there is no file of that name either")
}

// newSource makes the source of table t of capture c. The filter p may be nil.
func newSource(ctx context.Context, o *options, set capture.Set, c *capture.Capture, t *format.Table, p *filter.Program,
	span capture.Window, gate chan struct{}) (*source, error) {
	if err := t.Schema.Check(format.Column{Name: "ts", Type: format.Timestamp}); err != nil {
		return nil, err
	}
	s := &source{table: t, span: span, gate: gate,
		workers: make([]worker, budget.Of(ctx).Workers()+1)} // one for the merge itself
	for _, b := range t.Blocks() {
		s.blocks = append(s.blocks, b)
		s.spans = append(s.spans, merge.Span{Rows: b.Rows, Min: b.MinTS, Max: b.MaxTS})
	}
	for i := range s.workers {
		w := &s.workers[i]
		f, err := newFormatter(o, set, c, t.Schema, span.Start)
		if err != nil {
			return nil, err
		}
		w.formatter, s.columns = f, f.Columns()
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

// newFormatter makes the formatter of a table with schema s. start is the time, in ns since the Unix epoch, that
// relative times count from.
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

// Spans implements merge.Source.
func (s *source) Spans() []merge.Span { return s.spans }

// Width implements merge.Source. It estimates the length of a line from the types of the columns.
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

// maxReadAll is the number of matching rows up to which Read returns all rows of a block at once, so that the block is
// not read again.
const maxReadAll = 1024

// Read implements merge.Source.

func (s *source) Read(n, block int, from, last int64, run *merge.Run) (all bool, err error) {
	w, b := &s.workers[n], s.blocks[block]
	w.gate = s.gate
	defer w.leave()
	if from == b.MinTS { // count the rows only when the block is read for the first time
		s.read.Add(int64(b.Rows))
	}
	ts, err := s.matchingRows(w, b)
	if err != nil {
		return false, err
	}
	if all = len(w.rows) <= maxReadAll; all {
		last = s.span.To
	}
	if err := w.keepBetween(ts, b, max(from, s.span.From), min(last, s.span.To)); err != nil {
		return false, fmt.Errorf("reading table %s: %w", s.table.Schema.Table, err)
	}
	if len(w.rows) == 0 {
		return all, nil
	}
	w.order.Sort(ts, w.rows)
	if w.filter != nil {
		if err := s.table.ReadLarge(&w.batch, b, s.columns, w.enter); err != nil {
			return false, err
		}
	}
	w.formatter.Bind(&w.batch)
	for _, row := range w.rows {
		wanted, full := run.Wants(ts[row], row)
		if full {
			break
		}
		if wanted {
			run.Data = w.formatter.Append(run.Data, int(row))
			run.End(ts[row], row)
		}
	}
	return all, nil
}

// matchingRows sets w.rows to the rows of a block that match the filter. It returns the times of all rows. Without a
// filter it reads all columns that the formatter needs, into w.batch.
func (s *source) matchingRows(w *worker, b format.Block) (ts []int64, err error) {
	w.rows = w.rows[:0]
	if w.filter == nil {
		if err := s.table.ReadLarge(&w.batch, b, s.columns, w.enter); err != nil {
			return nil, err
		}
		for i := range w.batch.Rows {
			w.rows = append(w.rows, int32(i))
		}
		return w.batch.Column("ts").I64, nil
	}
	if err := s.table.ReadLarge(&w.matched, b, w.columns, w.enter); err != nil {
		return nil, err
	}
	w.selected = w.filter.Match(&w.matched, w.selected)
	for i := w.selected.Next(0); i >= 0; i = w.selected.Next(i + 1) {
		w.rows = append(w.rows, int32(i))
	}
	return w.matched.Column("ts").I64, nil
}

// keepBetween removes rows from w.rows whose time is not from `from` to `last`, both included.
func (w *worker) keepBetween(ts []int64, b format.Block, from, last int64) error {
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
