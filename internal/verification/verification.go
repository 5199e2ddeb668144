// SPDX-License-Identifier: Apache-2.0

// Package verification checks whether a capture is what its recorder wrote: that no byte of it changed, and that its
// rows are as FORMAT.md says. format.Capture.Verify checks files; this package adds the rows.
package verification

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
)

// State is what a capture was found to be.
type State string

const (
	Whole      State = "whole"        // finished, and nothing is wrong
	Unfinished State = "not finished" // its recorder was killed, or could not write all; nothing else is wrong
	Wrong      State = "wrong"        // there are problems
)

// Problem is one kind of problem in one place.
type Problem struct {
	format.Problem
	More int64 // of its kind in the segment, after this one
}

// Result is what Run found.
type Result struct {
	State     State
	Segments  int   // that are as they were written, by their SHA-256
	Unchecked int   // segments without one
	Rows      int64 // that were checked
	Unwritten int   // ids that lead nowhere because the recording was not finished
	Problems  []Problem
}

// Progress counts what was read so far, of which the sum of all segments' bytes is the total.
type Progress struct{ Bytes atomic.Int64 }

// run is one verification.
type run struct {
	capture *capture.Capture
	ctx     context.Context
	read    *Progress
	result  Result
	bounds  bool // the bounds of columns are those of this version

	mu       sync.Mutex
	problems map[key]*Problem
	nowhere  map[string]*nowhere // by dimension
}

// key tells problems apart that are reported together.
type key struct{ segment, column string }

// nowhere are the ids that have no row in a dimension.
type nowhere struct {
	ids   map[int64]struct{} // at most maxNowhere
	first Problem
}

const maxNowhere = 1 << 20

// Run checks a capture, one of a directory or a tar, not of several. An error means that it could not be read.
func Run(ctx context.Context, c *capture.Capture, read *Progress) (*Result, error) {
	files, err := c.Verify(ctx, func(n int64) { read.Bytes.Add(n) })
	if err != nil {
		return nil, err
	}
	r := &run{capture: c, ctx: ctx, read: read, problems: map[key]*Problem{}, nowhere: map[string]*nowhere{},
		bounds: c.Manifest.Format.Minor <= format.Current.Minor}
	r.result.Segments, r.result.Unchecked = files.Segments, files.Unchecked
	for _, p := range files.Problems {
		r.result.Problems = append(r.result.Problems, Problem{Problem: p})
	}
	for _, t := range c.Tables() {
		if err := r.table(t); err != nil {
			return nil, err
		}
	}
	r.addNowhere()
	r.finish()
	return &r.result, nil
}

// table checks all rows of a table.
func (r *run) table(t *format.Table) error {
	checks, err := r.checks(t)
	if err != nil {
		return err
	}
	blocks := t.Blocks()
	first := make([]int64, len(blocks)) // row of the segment, from 1
	for i := range blocks {
		if first[i] = 1; i > 0 && blocks[i].Segment == blocks[i-1].Segment {
			first[i] = first[i-1] + int64(blocks[i-1].Rows)
		}
		r.result.Rows += int64(blocks[i].Rows)
	}
	var next atomic.Int64
	var group sync.WaitGroup
	var once sync.Once
	for range min(budget.Of(r.ctx).Workers(), len(blocks)) {
		group.Go(func() {
			var b format.Batch
			for i := next.Add(1) - 1; i < int64(len(blocks)) && r.ctx.Err() == nil; i = next.Add(1) - 1 {
				at := place{t, &t.Segments[blocks[i].Segment], first[i]}
				if e := r.block(&b, blocks[i], at, checks); e != nil {
					once.Do(func() { err = e })
					return
				}
				r.read.Bytes.Add(at.segment.Bytes / int64(max(len(at.segment.Blocks), 1)))
			}
		})
	}
	group.Wait()
	return cmp.Or(err, context.Cause(r.ctx))
}

// place is where a block is.
type place struct {
	table   *format.Table
	segment *format.Segment
	row     int64 // of the segment, from 1, that is the block's first
}

// block checks one block, a column at a time: a whole block of a hostile capture may not fit into memory.
func (r *run) block(b *format.Batch, block format.Block, at place, checks []columnChecks) error {
	for _, c := range checks {
		err := at.table.Read(b, block, []string{c.column.Name})
		if corrupt(err) {
			r.report(at, 0, "", "%s", strings.TrimPrefix(err.Error(), "reading segment "+at.segment.Name+": "))
			continue
		}
		if err != nil {
			return err
		}
		v := b.Column(c.column.Name)
		for _, check := range c.checks {
			check(v, reporter{r, at, c.column.Name})
		}
		if c.column.Name == "ts" && c.column.Type == format.Timestamp {
			r.timeRange(v, block, at)
		}
	}
	return r.ends(b, block, at)
}

// ends checks that calls ended before the recording. What a dump has may have ended after its last event.
func (r *run) ends(b *format.Batch, block format.Block, at place) error {
	m, known := &r.capture.Manifest, schema.Of(at.table.Schema.Table)
	columns := []format.Column{{Name: "ts", Type: format.Timestamp}, {Name: "duration_ns", Type: format.Int64}}
	if !r.bounds || !r.capture.Finished() || m.Dump != nil || m.Derived != nil || known == nil ||
		known.BeginOp != "*" ||
		at.table.Schema.Check(columns...) != nil {
		return nil
	}
	err := at.table.Read(b, block, []string{"ts", "duration_ns"})
	if err != nil {
		if corrupt(err) {
			return nil // which is reported
		}
		return err
	}
	end, durations := m.End.UnixNano(), b.Column("duration_ns").I64
	for i, ts := range b.Column("ts").I64 {
		if took := durations[i]; took > 0 && ts <= end && took > end-ts {
			r.report(at, i, "duration_ns", "%d, which is after the end of the recording", took)
		}
	}
	return nil
}

// timeRange checks the times that readers skip a block by.
func (r *run) timeRange(v *format.Vector, block format.Block, at place) {
	if len(v.I64) == 0 {
		return
	}
	lo, hi := slices.Min(v.I64), slices.Max(v.I64)
	if block.MinTS != lo || block.MaxTS != hi {
		r.report(at, 0, "ts_min", "ts is from %d to %d in this batch, not from %d to %d", lo, hi, block.MinTS,
			block.MaxTS)
	}
}

// report adds a problem with a row of a block. Those of a segment and a column are reported once.
func (r *run) report(at place, row int, column, text string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, n := key{at.segment.Name, column}, at.row+int64(row)
	p := r.problems[k]
	if p == nil {
		p = &Problem{}
		r.problems[k] = p
	} else if p.More++; p.Row <= n {
		return
	}
	text = fmt.Sprintf(text, args...)
	if column != "" {
		text = column + ": " + text
	}
	p.Problem = format.Problem{Table: at.table.Schema.Table, Segment: at.segment.Name, Row: n, Text: text}
}

// addNowhere turns ids that lead nowhere into problems, unless that many rows of the dimension were lost, or could not
// be written any more.
func (r *run) addNowhere() {
	for name, n := range r.nowhere {
		lost := r.capture.Manifest.Tables[name].Lost
		switch {
		case int64(len(n.ids)) <= lost:
		case !r.capture.Finished():
			r.result.Unwritten += len(n.ids)
		default:
			p := n.first
			p.Text = fmt.Sprintf("%s; such ids: %d; lost rows of %s: %d", p.Text, len(n.ids), name, lost)
			r.result.Problems = append(r.result.Problems, p)
		}
	}
}

// finish sorts the problems and sets the state.
func (r *run) finish() {
	for _, p := range r.problems {
		r.result.Problems = append(r.result.Problems, *p)
	}
	slices.SortFunc(r.result.Problems, compare)
	switch {
	case len(r.result.Problems) > 0:
		r.result.State = Wrong
	case !r.capture.Manifest.Complete:
		r.result.State = Unfinished
	default:
		r.result.State = Whole
	}
}

// compare orders problems by where they are.
func compare(a, b Problem) int {
	return cmp.Or(strings.Compare(a.Table, b.Table), strings.Compare(a.Segment, b.Segment), cmp.Compare(a.Row, b.Row),
		strings.Compare(a.Text, b.Text))
}
