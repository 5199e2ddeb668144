// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/cli"
)

// Job redacts one capture.
type Job struct {
	Capture  *format.Capture
	Rules    Rules
	Path     string    // of the redaction, as in format.Create
	Stdout   io.Writer // where it goes if Path is "-"
	Force    bool      // replace a capture at Path
	Progress func(table string, rows int64, read *atomic.Int64) (stop func())
}

const (
	maxParallel = 4 // tables that are redacted at once
	cacheShare  = 8 // the part of the memory that texts and their tokens may take
	checkShare  = 4 // and the texts that are compared
	tarShare    = 6 // and a segment of a tar
)

// maxTarSegment is the largest segment that a tar, which keeps it in memory, is made with, in bytes.
const maxTarSegment = 256 << 20

// ErrSegmentSize is the error of a redaction into a tar whose segments are too large.
var ErrSegmentSize = errors.New("a tar keeps each segment in memory until it is complete")

// Preview returns what Run would report, and writes nothing.
func (j *Job) Preview(ctx context.Context) (*Report, error) {
	_, changes := newReplacer(&j.Rules).manifest(&j.Capture.Manifest)
	r := newReport(changes)
	err := j.eachTable(ctx, r, func(*format.Batch, format.Codec) error { return nil })
	return r, err
}

// Run writes the redaction, opens it, and compares it with the capture row by row. After an error there is none. A tar
// on standard output is written to a temporary file first, which holds no more than the redaction, so that nothing goes
// out before it has been compared.
func (j *Job) Run(ctx context.Context) (*Report, error) {
	path := j.Path
	if path == "-" {
		dir, err := os.MkdirTemp("", "fletch-")
		if err != nil {
			return nil, err
		}
		done := cli.AtExit(func() { cli.RemoveAll(dir) })
		defer done()
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "redaction.tar")
	}
	if strings.HasSuffix(path, ".tar") {
		for _, t := range j.Capture.Tables() {
			for _, s := range t.Segments {
				if s.Bytes > min(maxTarSegment, budget.Of(ctx).Share(tarShare)) {
					return nil, fmt.Errorf("redacting segment %s of %d bytes: %w", s.Name, s.Bytes, ErrSegmentSize)
				}
			}
		}
	}
	r, err := j.make(ctx, path)
	if err != nil {
		return nil, err
	}
	if j.Path != "-" {
		return r, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, err = io.Copy(j.Stdout, f)
	return r, err
}

// make writes the redaction and checks it. After an error there is none.
func (j *Job) make(ctx context.Context, path string) (*Report, error) {
	m, changes := newReplacer(&j.Rules).manifest(&j.Capture.Manifest)
	r := newReport(changes)
	w, err := format.Create(path, m, format.WriterOptions{Force: j.Force, WholeSegments: true})
	if err != nil {
		return nil, err
	}
	defer cli.AtExit(func() {
		w.Abort()
		cli.RemoveAll(path)
	})()
	if err := j.write(ctx, w, &m, r, path); err != nil {
		return nil, err
	}
	if err := j.check(ctx, path, r); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return r, nil
}

// write writes the redaction, with this manifest. After an error there is none.
func (j *Job) write(ctx context.Context, w *format.Writer, m *format.Manifest, r *Report, path string) error {
	if err := j.eachTable(ctx, r, w.Append); err != nil {
		return errors.Join(err, w.Abort())
	}
	err := w.Close(func(closed *format.Manifest) {
		closed.Start, closed.End = m.Start, m.End
		closed.Complete = closed.Complete && j.Capture.Manifest.Complete
		if !closed.Complete && !j.Capture.Finished() {
			closed.End = time.Time{} // that of its last row, as readers find it, is not that of the recording
		}
		for table, info := range j.Capture.Manifest.Tables {
			if known := knownTable(table); known && info.Lost > 0 {
				kept := closed.Tables[table]
				kept.Lost = info.Lost
				closed.Tables[table] = kept
			}
		}
	})
	if err != nil {
		return errors.Join(err, os.RemoveAll(path))
	}
	return nil
}

// eachTable redacts all tables, several at once, and passes the batches to use.
func (j *Job) eachTable(ctx context.Context, r *Report, use func(*format.Batch, format.Codec) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tables := j.Capture.Tables()
	works := make([]*tableWork, len(tables))
	parallel := max(1, min(budget.Of(ctx).Workers(), maxParallel))
	slots := make(chan struct{}, parallel)
	cached := min(maxCached, int(budget.Of(ctx).Share(cacheShare))/parallel)
	read, stop := j.progress()
	defer stop()
	var busy sync.WaitGroup
	for i, t := range tables {
		p := plan(t)
		r.Dropped = append(r.Dropped, p.dropped...)
		if p.columns == nil {
			continue
		}
		works[i] = newTableWork(p, &j.Rules)
		works[i].replacer.maxCached = cached
		slots <- struct{}{}
		busy.Go(func() {
			defer func() { <-slots }()
			if err := j.table(ctx, works[i], read, use); err != nil {
				cancel(fmt.Errorf("redacting table %s: %w", t.Schema.Table, err))
			}
		})
	}
	busy.Wait()
	for _, w := range works {
		if w != nil {
			r.Changed = append(r.Changed, w.changed()...)
		}
	}
	return context.Cause(ctx)
}

// table redacts a table, in its segments and their order.
func (j *Job) table(
	ctx context.Context, w *tableWork, read *atomic.Int64, use func(*format.Batch, format.Codec) error,
) error {
	var b format.Batch
	for _, s := range w.table.Segments {
		number := s.Number()
		if number == 0 {
			return fmt.Errorf("segment %s: %w: it has no number from 1", s.Name, format.ErrCorrupt)
		}
		for _, block := range s.Blocks {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := w.table.Read(&b, block, w.names()); err != nil {
				return err
			}
			err := w.apply(&b, func(out *format.Batch) error {
				out.Generation = number
				return use(out, block.Codec)
			})
			if err != nil {
				return err
			}
			read.Add(int64(block.Rows))
		}
	}
	return nil
}

// progress begins to show how many of all rows have been read.
func (j *Job) progress() (read *atomic.Int64, stop func()) {
	read = new(atomic.Int64)
	if j.Progress == nil {
		return read, func() {}
	}
	rows := int64(0)
	for _, t := range j.Capture.Tables() {
		rows += t.Rows
	}
	return read, j.Progress("redacting", rows, read)
}
