// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// env is the environment of a command.
type env struct {
	ctx            context.Context // canceled by SIGINT or SIGTERM
	stdin          io.Reader
	stdout, stderr io.Writer

	opened capture.Set    // the captures of the command line
	budget *budget.Budget // of --max-memory; nil: the command line was not parsed
	stop   func()         // ends the watch of the budget
}

// limitMemory keeps the command to a budget from now on.
func (e *env) limitMemory(b *budget.Budget) {
	e.budget = b
	e.ctx, e.stop = b.Watch(e.ctx, program.Name, e.stderr)
}

// finish returns the error of a command, which has ended.
func (e *env) finish(err error) error {
	if e.budget == nil {
		return err
	}
	e.stop()
	return e.budget.Error(err)
}

// scan returns a scan of a table that shows its progress. p is nil for all rows.
func (e *env) scan(c *capture.Capture, table string, columns []format.Column, p *filter.Program) *capture.Scan {
	return &capture.Scan{Capture: c, Table: table, Columns: columns, Filter: p, Progress: e.progress}
}

// input returns the input of a view, which shows its progress. p is nil for all rows.
func (e *env) input(p *filter.Program, captures ...*capture.Capture) *view.Input {
	return &view.Input{Captures: captures, Filter: p, Progress: e.progress}
}

// progress shows how many of the rows of a table have been read, after the first second. Stop ends it.
func (e *env) progress(table string, rows int64, read *atomic.Int64) (stop func()) {
	return term.StartProgress(e.stderr, time.Second, func(elapsed time.Duration) string {
		n := read.Load()
		return fmt.Sprintf("%s: %d %%, %s rows, %s", table, 100*n/max(rows, 1), term.Count(n), term.Rate(n, elapsed))
	}).Stop
}

// workers is the number of workers of a scan.
func (e *env) workers() int { return budget.Of(e.ctx).Workers() }
