// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/privilege"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/wait"
)

const (
	sweepEvery = 4 * time.Millisecond   // while rings fill
	sweepIdle  = 128 * time.Millisecond // while they do not: one that passes its mark ends the wait
	flushEvery = 800 * time.Millisecond
	trimEvery  = 10 * time.Second
	anchorEach = time.Minute
	watchEach  = time.Second

	bulkRows    = 1 << 15 // rows of a batch of a bulk table: 3 MB of system calls
	bulkBatches = 5       // of them: one being filled, the others on their way to the file
	rareRows    = 1 << 12
	rareText    = 1 << 20 // bytes of text in one, about, when it is handed on
	rareBatches = 3
)

// A recorder moves records from a session's rings into a capture. One goroutine drains: it sweeps, gathers
// into batches and hands full ones to a lane. Lanes compress and write; where no batch is empty, records stay in
// their rings, and what the rings cannot hold until then is counted as lost by the programs. The drain waits for
// nothing, until the recording is over.
type recorder struct {
	opt     *options
	session *bpf.Session
	w       *format.Writer
	stderr  io.Writer
	wall    int64          // what makes a monotonic time a Unix one, ns
	clocks  []format.Clock // anchors, the first one being the one in use

	tables     []*table // by kind
	bulk, rare *lane
	losses     *losses
	codec      *codecPolicy

	generation int       // the segment that events go into; 0: the recording does not rotate
	rotation   *rotation // nil: it does not
	names      *names    // nil: nothing is dropped
	flight     *flight   // nil: it is no flight recorder
	dumper     dumper
	plan       *plan
	limits     *limits
	syncer     *syncer
	stream     *stream // nil: nothing goes to standard output
	watch      *watch
	changes    []format.Change
	sweeps     atomic.Uint64 // how many there were
	heard      uint64        // how many of them found every announcement there was

	over    atomic.Bool // everything has been swept
	patient bool        // the recording has not begun or is over: wait for an empty batch
	stalled bool        // that was in vain

	nice     int          // what COMMAND begins with
	rowsLeft int64        // events that may still be recorded; <0: no limit
	rows     atomic.Int64 // events recorded, without the snapshot's
	lost     atomic.Int64
}

func newRecorder(opt *options, session *bpf.Session, to destination, plan *plan, clock format.Clock, calls *syscalls.Table, stderr io.Writer) *recorder {
	r := &recorder{
		opt: opt, session: session, w: to.w, flight: to.flight, stream: to.stream, plan: plan, stderr: stderr,
		wall: clock.Wall - clock.Monotonic, rowsLeft: -1, patient: true, watch: newWatch(clock.Wall - clock.Monotonic), limits: newLimits(opt, plan.window),
		clocks: []format.Clock{clock}, bulk: newLane(to.w), rare: newLane(to.w), codec: newCodecPolicy(opt.compress),
	}
	if opt.rows > 0 {
		r.rowsLeft = opt.rows
	}
	if plan.window > 0 {
		// The drain sheds when the window is full; what was in the rings by then still comes.
		r.bulk.window, r.rare.window = plan.window*9/8, plan.window*9/8
	}
	for _, l := range session.Layouts() {
		r.tables = append(r.tables, newTable(r, l))
	}
	r.losses = newLosses(session, clock)
	r.syncer = startSync(opt.sync.Duration(), to.w.Sync)
	if opt.rotates() {
		r.rotation = newRotation(r)
	}
	if opt.drops() {
		r.names = newNames(r)
	}
	if f := r.flight; f != nil {
		r.dumper = dumper{dir: f.dir, keep: opt.keep, there: f.there, remove: to.w.Remove, event: r.recordsEvents, tell: r.tell}
		if !opt.quiet && !opt.json {
			r.dumper.stderr = stderr
		}
	}
	if opt.condition != nil {
		for _, l := range []*lane{r.bulk, r.rare} {
			l.trigger = &trigger{condition: opt.condition, env: newEnv(r.names, calls), hits: &r.flight.hits, sweeps: r.sweeps.Load, over: r.over.Load}
		}
	}
	return r
}

// idle waits until the lanes have done all that they were given.
func (r *recorder) idle() {
	var lanes sync.WaitGroup
	for _, l := range []*lane{r.bulk, r.rare} {
		lanes.Add(1)
		l.in <- job{come: lanes.Done}
	}
	lanes.Wait()
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
		return p.Mechanism != "" && slices.Contains(schema.TablesOf(p.Family), name)
	})
}

// recordsEvents says whether a table is one of events.
func (r *recorder) recordsEvents(name string) bool {
	t := r.table(name)
	return t != nil && t.layout.Schema.Event()
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
	// The rings fill from now on, and what follows may take its time on a host in trouble.
	if _, err := r.session.Sweep(r.emit); err != nil {
		return err
	}
	if r.recordsTable("process") {
		t := r.table("process")
		if t.batch == nil && !r.next(t) {
			return errStalled
		}
		if err := bpf.AppendProcesses(t.batch, running, now(unix.CLOCK_MONOTONIC)+r.wall); err != nil {
			return err
		}
		r.hand(t)
		if _, err := r.session.Sweep(r.emit); err != nil {
			return err
		}
	}
	if cmd == nil {
		return nil
	}
	if err := r.session.ArmCommand(); err != nil {
		return fmt.Errorf("following the command: %w", err)
	}
	if err := privilege.WithPriority(r.nice, cmd.Start); err != nil {
		return fmt.Errorf("starting the command: %w", err)
	}
	if err := r.session.DisarmCommand(); err != nil {
		return fmt.Errorf("following the command: %w", err)
	}
	return nil
}

// emit takes what a sweep found, or leaves it where it is.
func (r *recorder) emit(l *bpf.Layout, recs bpf.Records, cpu int32) error {
	t := r.tables[l.Kind]
	if r.names != nil && !l.Schema.Event() {
		if d := r.names.of(l); d != nil {
			t.received += int64(recs.Len())
			d.learn(recs, now(unix.CLOCK_MONOTONIC))
			return nil
		}
	}
	if t.batch == nil {
		if !r.next(t) {
			return bpf.ErrLater
		}
		if l.Bulk {
			// At once: a column that doubles leaves twice of it behind.
			t.batch.Grow(t.limit + bpf.MaxRecords)
		}
	}
	t.received += int64(recs.Len())
	if l.Schema.Event() {
		if r.rowsLeft >= 0 {
			recs = recs.First(int(min(int64(recs.Len()), r.rowsLeft)))
			r.rowsLeft -= int64(recs.Len())
		}
		r.rows.Add(int64(recs.Len()))
	}
	l.Gather(t.batch, recs, cpu, r.wall)
	if t.full() {
		r.hand(t)
	}
	return nil
}

var errStalled = fmt.Errorf("its reader has read nothing for %v", stallAfter)

// stallAfter is how long the reader of a stream may have read nothing at all, when the recording is over, before the rest is
// given up. A disk is waited for.
const stallAfter = 10 * time.Second

// wait waits for what the lanes have to do, as long as they do anything. done waits for it for a while.
func (r *recorder) wait(done func(time.Duration) bool) bool {
	var written int64
	since := time.Now()
	for !r.stalled {
		if done(100 * time.Millisecond) {
			return true
		}
		if r.stream == nil {
			continue
		}
		if n := r.stream.written.Load(); n != written {
			written, since = n, time.Now()
		} else if time.Since(since) > stallAfter {
			r.stalled = true
		}
	}
	return false
}

// hand gives a table's batch to its lane.
func (r *recorder) hand(t *table) {
	if t.batch == nil || t.batch.Rows == 0 {
		return
	}
	t.batch.Generation = r.generation
	if r.names != nil {
		if t.layout.Schema.Event() {
			r.names.note(t.batch)
		} else {
			t.batch.Generation = r.rotation.settling(r.generation)
		}
	}
	t.lane.in <- job{batch: t.batch, free: t.free, codec: r.codec.current, swept: r.sweeps.Load()}
	t.batch = nil
}

// handTables gives what has been gathered of every table to the lanes.
func (r *recorder) handTables() {
	for _, t := range r.tables {
		if t != nil {
			r.hand(t)
		}
	}
}

// flush hands on everything gathered.
func (r *recorder) flush() {
	r.handTables()
	if r.names != nil {
		r.names.fill(r, now(unix.CLOCK_MONOTONIC))
		for _, d := range r.names.all() {
			r.hand(d.table)
		}
	}
	r.handLosses()
	if r.rare.flushes.CompareAndSwap(false, true) {
		r.rare.in <- job{}
	}
}

func (r *recorder) handLosses() {
	for _, l := range []*lane{r.bulk, r.rare} {
		l.refused.Range(func(table, n any) bool {
			if n := n.(*atomic.Int64).Swap(0); n > 0 {
				at := now(unix.CLOCK_MONOTONIC)
				r.losses.add(table.(string), -1, at-int64(flushEvery), at, n)
				r.lost.Add(n)
				if r.recordsEvents(table.(string)) {
					r.rows.Add(-n)
				}
			}
			return true
		})
	}
	if b := r.losses.take(); b != nil {
		b.Generation = r.generation
		r.rare.in <- job{batch: b, free: r.losses.free, codec: format.Zstd}
	}
}

func (r *recorder) failure() error {
	if r.rotation != nil {
		if err := r.rotation.keeper.failed.Load(); err != nil {
			return *err
		}
	}
	if err := r.syncer.failed.Load(); err != nil {
		return *err
	}
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
	defer wait.AddProcessor()()
	defer e.waiter.Release()
	begun := time.Now()
	flushed, trimmed, anchored, watched := begun, begun, begun, begun
	r.patient = false
	r.limits.looked, r.limits.used = begun, cpuTime() // what loading took is not counted
	pause := sweepEvery
	for {
		fill, err := r.session.Sweep(r.emit)
		if err != nil {
			return err
		}
		r.sweeps.Add(1)
		if r.session.Heard() {
			r.heard++
		}
		t := time.Now()
		if err := r.obey(t); err != nil {
			return err
		}
		if r.stream != nil && r.stream.writing.Load() {
			r.codec.observe(0, t) // the reader is what it waits for: less compression would be more to read
		} else {
			r.codec.observe(fill, t)
		}
		r.lost.Add(r.losses.poll())
		if t.Sub(flushed) >= flushEvery {
			r.flush()
			flushed = t
		}
		if r.rotation != nil {
			if err := r.rotate(t); err != nil {
				return err
			}
		}
		if t.Sub(watched) >= watchEach {
			r.notice()
			watched = t
		}
		if t.Sub(trimmed) >= trimEvery {
			for _, table := range r.tables {
				if table != nil {
					table.trim()
				}
			}
			if trimmed == begun {
				settle()
			}
			trimmed = t
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
		pause = pace(pause, fill)
		ended, woken, err := e.waiter.Wait(r.until(begun, t, pause))
		if ended || err != nil {
			return err
		}
		if woken {
			r.session.Rest()
		}
	}
}

// until shortens a wait so that the recording ends in time.
func (r *recorder) until(begun, t time.Time, wait time.Duration) time.Duration {
	if d := r.opt.duration.Duration(); d > 0 {
		return max(min(wait, d-t.Sub(begun)), 100*time.Microsecond)
	}
	return wait
}

// pace is how long to wait after a sweep that found the fullest ring so full (0 to 1), when it was last before that one.
// Twice as long as last time, as long as that leaves most of every ring free.
func pace(last time.Duration, fill float64) time.Duration {
	if fill > fillPaced {
		return max(last/2, sweepEvery)
	}
	return min(last*2, sweepIdle)
}

// fillPaced is small, so that records are still in the cache when they are swept, but most of a sweep is its records.
const fillPaced = 1.0 / 16

// notice writes down what has happened to the machine.
func (r *recorder) notice() {
	if changes := r.watch.look(); len(changes) > 0 {
		r.changes = append(r.changes, changes...)
		r.addAnchor()
	}
}

func (r *recorder) addAnchor() {
	if c, err := anchor(); err == nil {
		r.clocks = append(r.clocks, c)
	}
}
