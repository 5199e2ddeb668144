// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
)

// lineEncoder encodes rows of one table of one capture as lines of text. It is used by one worker.
type lineEncoder interface {
	Bind(b *format.Batch)              // sets the batch that Append encodes rows of
	Append(dst []byte, row int) []byte // appends the line of a row, with its end
}

// newLineEncoder makes the encoder of one worker for the rows of c.
type newLineEncoder func(c *capture.Capture) (lineEncoder, error)

// writeLines writes all rows as lines. Blocks are encoded by GOMAXPROCS workers and written in order.
func (t *Table) writeLines(w io.Writer, newEncoder newLineEncoder) error {
	for _, c := range t.capturesWithTable() {
		if err := t.writeCapture(w, c, newEncoder); err != nil {
			return fmt.Errorf("reading %s: %w", c.Path, err)
		}
	}
	return nil
}

// lineWorker is the state of a worker.
type lineWorker struct {
	encoder lineEncoder
	batch   format.Batch
	filter  *filter.Bound
	rows    filter.Selection
}

// writeCapture writes the rows of one capture.
func (t *Table) writeCapture(w io.Writer, c *capture.Capture, newEncoder newLineEncoder) error {
	s := t.scan(c)
	table, err := c.Counted(t.Name)
	if err != nil {
		return err
	}
	if s.Filter != nil {
		if s.Filter.PruneTable(t.Name) {
			return nil
		}
		table = capture.NarrowTo(table, s.Filter)
	}
	memory := budget.Of(t.ctx)
	workers := make([]lineWorker, min(runtime.GOMAXPROCS(0), max(int(memory.Share(2*format.MaxBatchBytes)), 1)))
	limit := min(int(memory.Share(32))/len(workers), maxText)
	for i := range workers {
		if workers[i].encoder, err = newEncoder(c); err != nil {
			return err
		}
		if s.Filter != nil {
			if workers[i].filter, err = c.Bind(s.Filter, table); err != nil {
				return err
			}
		}
	}
	var rows atomic.Int64
	defer t.progress.Begin(t.Name, table.Rows, &rows)()
	blocks := table.Blocks()
	return inOrder(len(blocks), len(workers), limit, func(worker, i int, dst *chunks) error {
		if err := t.ctx.Err(); err != nil {
			return context.Cause(t.ctx)
		}
		rows.Add(int64(blocks[i].Rows))
		return workers[worker].append(t.ctx, dst, table, blocks[i])
	}, func(text []byte) error {
		_, err := w.Write(text)
		return err
	})
}

// maxText is how many bytes of a block's lines are made before they are written, if there is memory for so many. It is
// more than those of a block that record wrote.
const maxText = 16 << 20

// append appends the lines of the rows of a block that match the filter.
func (w *lineWorker) append(ctx context.Context, dst *chunks, table *format.Table, block format.Block) error {
	if err := table.Read(&w.batch, block, nil); err != nil {
		return err
	}
	w.encoder.Bind(&w.batch)
	next := func(row int) int { return row }
	if w.filter != nil {
		w.rows = w.filter.Match(&w.batch, w.rows)
		next = w.rows.Next
	}
	text := dst.Text
	for row := next(0); row >= 0 && row < w.batch.Rows; row = next(row + 1) {
		if text = w.encoder.Append(text, row); len(text) >= dst.limit {
			dst.Text = text
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := dst.flush(); err != nil {
				return err
			}
			text = dst.Text
		}
	}
	dst.Text = text
	return nil
}
