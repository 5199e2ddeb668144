// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/format/arrowtable"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/term"
)

// textFlags are the flags for output as lines, which --arrow excludes.
var textFlags = []string{"json", "speed", "time", "rows"}

// checkArrow returns a usage error if --arrow is combined with one of textFlags, or if stdout is a terminal.
func checkArrow(flags *cli.Flags, stdout io.Writer) error {
	for _, name := range textFlags {
		if flags.Changed(name) {
			return flags.Wrong("--arrow and --%s exclude each other", name)
		}
	}
	if term.IsTerminal(stdout) {
		return cli.WithHint(cli.Usage("--arrow writes bytes, which are not for a terminal"),
			"send them to a file or a program: replay CAPTURE --arrow > incident.arrows")
	}
	return nil
}

// arrowTable is a table of one capture, to be written as a stream.
type arrowTable struct {
	capture *capture.Capture
	table   *format.Table
}

// writeArrow writes each table as an Arrow IPC stream, one after the other, sorted by table and then by capture. Filter
// and span apply to events and losses; all rows of the other tables are written.
func writeArrow(ctx context.Context, o *options, set capture.Set, span capture.Window, stdout io.Writer) error {
	program, err := compileFilter(o, set)
	if err != nil {
		return err
	}
	var tables []arrowTable
	for _, c := range set {
		for _, t := range c.Tables() {
			counted, err := c.Counted(t.Schema.Table)
			if err != nil {
				return fmt.Errorf("reading %s: %w", c.Path, err)
			}
			tables = append(tables, arrowTable{c, counted})
		}
	}
	slices.SortStableFunc(tables, func(a, b arrowTable) int {
		return strings.Compare(a.table.Schema.Table, b.table.Schema.Table)
	})
	out := bufio.NewWriterSize(stdout, 256<<10)
	for _, t := range tables {
		if err := t.write(ctx, program, span, out); err != nil {
			// Write out what there is of the stream, so that its complete batches can be read.
			return errors.Join(fmt.Errorf("reading %s: %w", t.capture.Path, err), out.Flush())
		}
	}
	return out.Flush()
}

// write writes the stream of the table. The filter is nil for all rows.
func (t arrowTable) write(ctx context.Context, program *filter.Program, span capture.Window, out io.Writer) error {
	options, err := t.options(program, span)
	if err != nil {
		return err
	}
	r, err := arrowtable.NewTableReader(t.table, &t.capture.Manifest, options)
	if err != nil {
		return err
	}
	defer r.Release()
	return arrowtable.WriteStream(ctx, out, r, format.None)
}

// options returns which rows of the table are to be written.
func (t arrowTable) options(program *filter.Program, span capture.Window) (arrowtable.Options, error) {
	var o arrowtable.Options
	if !isPlayed(t.table) {
		return o, nil
	}
	from, to := span.From, span.To
	if program != nil {
		bound, err := t.capture.Bind(program, t.table)
		if err != nil {
			return o, err
		}
		first, last := program.TimeRange()
		from, to = max(from, first), min(to, last)
		if program.PruneTable(t.table.Schema.Table) || bound.Never() {
			from, to = math.MaxInt64, math.MinInt64 // selects no rows, so no batch is read
		}
		o.Select = newSelector(bound)
	}
	o.From, o.To = time.Unix(0, from), time.Unix(0, to)
	return o, nil
}

// newSelector returns a function that appends the rows of a batch that match a filter, for arrowtable.Options.Select.
func newSelector(bound *filter.Bound) func(b *format.Batch, rows []int32) []int32 {
	var selected filter.Selection
	return func(b *format.Batch, rows []int32) []int32 {
		selected = bound.Match(b, selected)
		for i := selected.Next(0); i >= 0; i = selected.Next(i + 1) {
			rows = append(rows, int32(i))
		}
		return rows
	}
}
