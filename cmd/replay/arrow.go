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

// linesOnly are the flags that say how events become lines, which --arrow does not write.
var linesOnly = []string{"json", "speed", "time", "rows"}

// checkArrow returns an error where --arrow is given with what it cannot do.
func checkArrow(flags *cli.Flags, stdout io.Writer) error {
	for _, name := range linesOnly {
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

// arrowTable is a table of one capture, on its way into a stream.
type arrowTable struct {
	capture *capture.Capture
	table   *format.Table
}

// writeArrow writes each table as an Arrow IPC stream, one after another by name, and by capture. Only the rows of the
// tables that are played, events and losses, are chosen from; tables of names stay whole.
func writeArrow(ctx context.Context, o *options, set capture.Set, span span, stdout io.Writer) error {
	program, err := compileFilter(o, set)
	if err != nil {
		return err
	}
	var tables []arrowTable
	for _, c := range set {
		for _, t := range c.Tables() {
			tables = append(tables, arrowTable{c, t})
		}
	}
	slices.SortStableFunc(tables, func(a, b arrowTable) int {
		return strings.Compare(a.table.Schema.Table, b.table.Schema.Table)
	})
	out := bufio.NewWriterSize(stdout, 256<<10)
	for _, t := range tables {
		if err := t.write(ctx, program, span, out); err != nil {
			// What is whole of the stream is written, as of one that was interrupted.
			return errors.Join(fmt.Errorf("reading %s: %w", t.capture.Path, err), out.Flush())
		}
	}
	return out.Flush()
}

func (t arrowTable) write(ctx context.Context, program *filter.Program, span span, out io.Writer) error {
	options, err := t.options(program, span)
	if err != nil {
		return err
	}
	r, err := arrowtable.NewReader(t.capture.Capture, t.table.Schema.Table, options)
	if err != nil {
		return err
	}
	defer r.Release()
	return arrowtable.WriteStream(ctx, out, r, format.None)
}

// options says which rows of the table are wanted.
func (t arrowTable) options(program *filter.Program, span span) (arrowtable.Options, error) {
	var o arrowtable.Options
	if !played(t.table) {
		return o, nil
	}
	from, to := span.from, span.to
	if program != nil {
		bound, err := t.capture.Bind(program, t.table)
		if err != nil {
			return o, err
		}
		first, last := program.TimeRange()
		from, to = max(from, first), min(to, last)
		if program.PruneTable(t.table.Schema.Table) || bound.Never() {
			from, to = math.MaxInt64, math.MinInt64 // no row, and no batch is read
		}
		o.Select = selecting(bound)
	}
	o.From, o.To = time.Unix(0, from), time.Unix(0, to)
	return o, nil
}

// selecting applies a filter to batches.
func selecting(bound *filter.Bound) func(b *format.Batch, rows []int32) []int32 {
	var selected filter.Selection
	return func(b *format.Batch, rows []int32) []int32 {
		selected = bound.Match(b, selected)
		for i := selected.Next(0); i >= 0; i = selected.Next(i + 1) {
			rows = append(rows, int32(i))
		}
		return rows
	}
}
