// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/jsonline"
)

// lineFormat writes rows of one table of one capture as text. It is used by one worker.
type lineFormat interface {
	Bind(b *format.Batch)
	Append(dst []byte, row int) []byte
}

func writeJSONLines(t *tableJob, path string) error {
	return t.writeLines(path, nil, func(c *capture.Capture) (lineFormat, error) {
		var fields []jsonline.Field
		if label := t.set.Label(c); label != "" {
			fields = append(fields, jsonline.Field{Name: captureColumn, Value: label})
		}
		return jsonline.NewEncoder(c, c.Table(t.name).Schema, fields...)
	})
}

func writeCSV(t *tableJob, path string) error {
	return t.writeLines(path, csvHead(t), func(c *capture.Capture) (lineFormat, error) { return newCSVEncoder(t, c) })
}

// writeLines writes head and all rows as lines. Blocks become text on all processors, and are written in order.
func (t *tableJob) writeLines(path string, head []byte, newFormat func(c *capture.Capture) (lineFormat, error)) error {
	return writeFile(path, func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		if _, err := out.Write(head); err != nil {
			return err
		}
		for _, c := range t.captures() {
			if err := t.writeCapture(out, c, newFormat); err != nil {
				return fmt.Errorf("reading %s: %w", c.Path, err)
			}
		}
		return out.Flush()
	})
}

// writer is what a worker keeps from block to block.
type writer struct {
	format lineFormat
	batch  format.Batch
	filter *filter.Bound
	rows   filter.Selection
}

func (t *tableJob) writeCapture(w io.Writer, c *capture.Capture, newFormat func(c *capture.Capture) (lineFormat, error)) error {
	s, table := t.scan(c), c.Table(t.name)
	if s.filter != nil {
		if s.filter.PruneTable(t.name) {
			return nil
		}
		table = narrow(table, s.filter)
	}
	writers := make([]writer, t.env.workers())
	for i := range writers {
		var err error
		if writers[i].format, err = newFormat(c); err != nil {
			return err
		}
		if s.filter != nil {
			if writers[i].filter, err = c.Bind(s.filter, table); err != nil {
				return err
			}
		}
	}
	var rows atomic.Int64
	defer t.env.progress(t.name, table.Rows, &rows).Stop()
	blocks := table.Blocks()
	return inOrder(len(blocks), len(writers), func(worker, i int, dst []byte) ([]byte, error) {
		if err := t.env.ctx.Err(); err != nil {
			return nil, context.Cause(t.env.ctx)
		}
		rows.Add(int64(blocks[i].Rows))
		return writers[worker].append(dst, table, blocks[i])
	}, func(text []byte) error {
		_, err := w.Write(text)
		return err
	})
}

// append appends the rows of a block that the filter lets through.
func (w *writer) append(dst []byte, table *format.Table, block format.Block) ([]byte, error) {
	if err := table.Read(&w.batch, block, nil); err != nil {
		return nil, err
	}
	w.format.Bind(&w.batch)
	if w.filter == nil {
		for row := range w.batch.Rows {
			dst = w.format.Append(dst, row)
		}
		return dst, nil
	}
	w.rows = w.filter.Match(&w.batch, w.rows)
	for row := w.rows.Next(0); row >= 0; row = w.rows.Next(row + 1) {
		dst = w.format.Append(dst, row)
	}
	return dst, nil
}

// inOrder calls produce for 0 to n-1 on several workers at once, and use with what it gave, in order, until the first
// error. At most a few results wait. produce appends to dst, which is empty.
func inOrder(n, workers int, produce func(worker, i int, dst []byte) ([]byte, error), use func([]byte) error) error {
	type result struct {
		text []byte
		err  error
	}
	type job struct {
		i    int
		done chan result
	}
	todo, order, quit := make(chan job), make(chan job, workers), make(chan struct{})
	spare := make(chan []byte, 2*workers)
	var busy sync.WaitGroup
	defer busy.Wait()
	defer close(quit)
	busy.Add(1 + workers)
	go func() {
		defer busy.Done()
		defer close(order)
		defer close(todo)
		for i := range n {
			j := job{i, make(chan result, 1)}
			for _, to := range []chan job{order, todo} {
				select {
				case to <- j:
				case <-quit:
					return
				}
			}
		}
	}()
	for worker := range workers {
		go func() {
			defer busy.Done()
			for j := range todo {
				var dst []byte
				select {
				case dst = <-spare:
				default:
				}
				text, err := produce(worker, j.i, dst[:0])
				j.done <- result{text, err}
			}
		}()
	}
	for j := range order {
		r := <-j.done
		if r.err == nil {
			r.err = use(r.text)
		}
		if r.err != nil {
			return r.err
		}
		select {
		case spare <- r.text:
		default:
		}
	}
	return nil
}
