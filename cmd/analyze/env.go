// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// env is what all commands work with.
type env struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
}

// scan reads a table of a capture, and shows how far that is.
func (e *env) scan(c *capture.Capture, table string, columns []format.Column, p *filter.Program) *capture.Scan {
	return &capture.Scan{Capture: c, Table: table, Columns: columns, Filter: p, Progress: e.progress}
}

// input is what a view reads.
func (e *env) input(p *filter.Program, captures ...*capture.Capture) *view.Input {
	return &view.Input{Captures: captures, Filter: p, Progress: e.progress}
}

// progress shows how many rows of a table are through, once that takes more than a second.
func (e *env) progress(table string, rows int64, read *atomic.Int64) (stop func()) {
	return term.StartProgress(e.stderr, time.Second, func(elapsed time.Duration) string {
		n := read.Load()
		return fmt.Sprintf("%s: %d %%, %s rows, %s", table, 100*n/max(rows, 1), term.Count(n), term.Rate(n, elapsed))
	}).Stop
}

// workers is the number of batches that are worked on at once.
func (e *env) workers() int { return runtime.GOMAXPROCS(0) }
