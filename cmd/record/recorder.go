// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

const (
	sweepEvery = 4 * time.Millisecond  // while there is something to sweep
	sweepIdle  = 10 * time.Millisecond // on an idle host; the rings outlast it by far
	flushEvery = 500 * time.Millisecond
	anchorEach = time.Minute

	bulkRows    = 1 << 16 // rows of a batch of a bulk table: 6 MB of system calls
	bulkBatches = 4       // of them: one being filled, the others on their way to the file
	rareRows    = 1 << 12
	rareBatches = 3
)

// A recorder moves records from a session's rings into a capture. One goroutine drains: it sweeps, gathers
// into batches and hands full ones to a lane. Lanes compress and write; a drain that finds no empty batch
// waits, and what the rings cannot hold until then is counted as lost by the programs.
type recorder struct {
	opt     *options
	session *bpf.Session
	w       *format.Writer
	stderr  io.Writer
	wall    int64          // what makes a monotonic time a Unix one, ns
	clocks  []format.Clock // anchors, the first one being the one in use
	begun   time.Time

	tables     []*table // by kind
	bulk, rare *lane
	losses     *losses
	codec      *codecPolicy

	rowsLeft int64        // events that may still be recorded; <0: no limit
	rows     atomic.Int64 // events recorded, without the snapshot's
	lost     atomic.Int64
}

// A table gathers one kind of record.
type table struct {
	layout   *bpf.Layout
	lane     *lane
	limit    int // rows of a batch
	batch    *format.Batch
	free     chan *format.Batch
	received int64 // records taken from the programs
}

// A lane compresses and writes batches, one after the other.
type lane struct {
	in      chan job
	running sync.WaitGroup
	failed  atomic.Pointer[error]
	dropped map[string]int64 // rows that could not be written, by table; read after close
}

type job struct {
	batch *format.Batch      // nil: flush the writer
	free  chan *format.Batch // where the batch goes afterwards; nil: nowhere
	codec format.Codec
}

func newRecorder(opt *options, session *bpf.Session, w *format.Writer, clock format.Clock, stderr io.Writer) *recorder {
	r := &recorder{
		opt: opt, session: session, w: w, stderr: stderr, wall: clock.Wall - clock.Monotonic, rowsLeft: -1, begun: time.Now(),
		clocks: []format.Clock{clock}, bulk: newLane(w), rare: newLane(w), codec: newCodecPolicy(opt.compress),
	}
	if opt.rows > 0 {
		r.rowsLeft = opt.rows
	}
	for _, l := range session.Layouts() {
		r.tables = append(r.tables, newTable(r, l))
	}
	r.losses = newLosses(session, clock)
	return r
}

func newTable(r *recorder, l *bpf.Layout) *table {
	if l == nil {
		return nil
	}
	t, n := &table{layout: l, lane: r.rare, limit: rareRows}, rareBatches
	if l.Bulk {
		t.lane, t.limit, n = r.bulk, bulkRows, bulkBatches
	}
	t.free = make(chan *format.Batch, n)
	for range n {
		t.free <- format.NewBatch(l.Schema)
	}
	t.batch = <-t.free
	return t
}

func newLane(w *format.Writer) *lane {
	// Room for every batch there is: only an empty batch is ever waited for.
	l := &lane{in: make(chan job, 64), dropped: make(map[string]int64)}
	l.running.Go(func() {
		for j := range l.in {
			l.do(w, j)
		}
	})
	return l
}

func (l *lane) do(w *format.Writer, j job) {
	var err error
	if j.batch == nil {
		err = w.Flush()
	} else if err = w.Append(j.batch, j.codec); err != nil {
		l.dropped[j.batch.Schema.Table] += int64(j.batch.Rows)
	}
	if err != nil {
		l.failed.CompareAndSwap(nil, &err)
	}
	if j.free != nil {
		j.batch.Reset()
		j.free <- j.batch
	}
}

func (l *lane) close() {
	close(l.in)
	l.running.Wait()
}

func (r *recorder) table(name string) *table {
	for _, t := range r.tables {
		if t != nil && t.layout.Schema.Table == name {
			return t
		}
	}
	return nil
}

// recordsTable says whether a table is one of a family being recorded.
func (r *recorder) recordsTable(name string) bool {
	return slices.ContainsFunc(r.session.Probes, func(p format.Probe) bool {
		return p.Mechanism != "" && slices.Contains(bpf.TablesOf(p.Family), name)
	})
}

// start begins the recording, writes down what already runs, and starts COMMAND.
func (r *recorder) start(cmd *exec.Cmd) error {
	running := format.NewBatch(r.table("task").layout.Schema)
	err := r.session.Start(func(l *bpf.Layout, recs bpf.Records, cpu int32) error {
		if l.Schema == running.Schema {
			l.Gather(running, recs, cpu, r.wall)
		}
		return r.emit(l, recs, cpu)
	})
	if err != nil {
		return err
	}
	if r.recordsTable("process") {
		t := r.table("process")
		if err := bpf.AppendProcesses(t.batch, running, now(unix.CLOCK_MONOTONIC)+r.wall); err != nil {
			return err
		}
		r.hand(t)
	}
	if cmd == nil {
		return nil
	}
	if err := r.session.ArmCommand(); err != nil {
		return fmt.Errorf("following the command: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the command: %w", err)
	}
	if err := r.session.DisarmCommand(); err != nil {
		return fmt.Errorf("following the command: %w", err)
	}
	return nil
}

// emit takes what a sweep found.
func (r *recorder) emit(l *bpf.Layout, recs bpf.Records, cpu int32) error {
	t := r.tables[l.Kind]
	t.received += int64(recs.Len())
	if l.Schema.Event() {
		if r.rowsLeft >= 0 {
			recs = recs.First(int(min(int64(recs.Len()), r.rowsLeft)))
			r.rowsLeft -= int64(recs.Len())
		}
		r.rows.Add(int64(recs.Len()))
	}
	for recs.Len() > 0 {
		n := min(recs.Len(), t.limit-t.batch.Rows)
		l.Gather(t.batch, recs.First(n), cpu, r.wall)
		recs = recs.After(n)
		if t.batch.Rows >= t.limit {
			r.hand(t)
		}
	}
	return nil
}

// hand gives a table's batch to its lane and takes an empty one, waiting for it if need be.
func (r *recorder) hand(t *table) {
	if t.batch.Rows == 0 {
		return
	}
	t.lane.in <- job{t.batch, t.free, r.codec.current}
	t.batch = <-t.free
}

// flush hands on everything gathered.
func (r *recorder) flush() {
	for _, t := range r.tables {
		if t != nil {
			r.hand(t)
		}
	}
	if b := r.losses.take(); b != nil {
		r.rare.in <- job{batch: b, codec: format.Zstd}
	}
	r.rare.in <- job{}
}

func (r *recorder) failure() error {
	for _, l := range []*lane{r.bulk, r.rare} {
		if err := l.failed.Load(); err != nil {
			return *err
		}
	}
	return nil
}

// loop drains until something ends the recording: a limit, a signal, the end of what is recorded, a failure
// (the error).
func (r *recorder) loop(e *end) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begun := time.Now()
	flushed, anchored := begun, begun
	for {
		before := r.rows.Load()
		fill, err := r.session.Sweep(r.emit)
		if err != nil {
			return err
		}
		t := time.Now()
		r.codec.observe(fill, t)
		r.lost.Add(r.losses.poll())
		if t.Sub(flushed) >= flushEvery {
			r.flush()
			flushed = t
		}
		if t.Sub(anchored) >= anchorEach {
			r.addAnchor()
			anchored = t
		}
		if err := r.failure(); err != nil {
			return err
		}
		if r.rowsLeft == 0 || r.opt.size > 0 && r.w.Written() >= int64(r.opt.size) ||
			r.opt.duration > 0 && t.Sub(begun) >= r.opt.duration.Duration() {
			return nil
		}
		wait := sweepEvery
		if r.rows.Load() == before {
			wait = sweepIdle
		}
		if e.reached(wait) {
			return nil
		}
	}
}

func (r *recorder) addAnchor() {
	if c, err := anchor(); err == nil {
		r.clocks = append(r.clocks, c)
	}
}
