//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/wait"
)

// A Recorder makes one capture. One goroutine calls Open, Start, WriteOut, Run and Finish, in this order. If Start or
// WriteOut fails, it calls Abort instead of the rest. Between WriteOut and Run the caller may drop all privileges; it
// may call Sweep and WriteOut again meanwhile.
type Recorder struct{ parts }

// Open creates the capture. Nothing is recorded until Start.
func Open(cfg Config, budget *Budget, session Session, observer Observer) (*Recorder, error) {
	waiter, err := wait.New(session.WakeupFD())
	if err != nil {
		return nil, err
	}
	clock, err := readAnchor()
	if err != nil {
		return nil, err
	}
	m := cfg.Manifest
	m.Tables = map[string]format.TableInfo{}
	m.Clock = []format.Clock{clock}
	m.Start = time.Unix(0, clock.Wall).UTC()
	r := &Recorder{parts{cfg: cfg, session: session, observer: observer, waiter: waiter}}
	if r.dest, err = create(&r.cfg, m); err != nil {
		return nil, err
	}
	r.build(budget, clock)
	return r, nil
}

// Start begins the recording, and records the tasks and processes that already run, and the open connections.
func (r *Recorder) Start() error {
	emit := r.drain.gatherer.emit
	running, listed := bpf.NewRunning(r.drain.names), format.NewBatch(schema.Of("task").Schema)
	r.drain.laneWait.allowed = true // the lists may be longer than the free batches
	defer func() { r.drain.laneWait.allowed = false }()
	err := r.session.Start(func(l *bpf.Layout, recs bpf.Records, cpu int32) error {
		if l.Schema == listed.Schema {
			listed.Reset()
			l.Gather(listed, recs, cpu, r.drain.machine.wall)
			running.Add(listed)
		}
		return r.drain.gatherer.gather(l, recs, cpu, false)
	})
	if err != nil {
		return err
	}
	// The rings are filling from now on, and reading /proc may take long on a host in trouble.
	if _, err := r.session.Sweep(emit); err != nil {
		return err
	}
	if !slices.Contains(r.reporter.tables, "process") {
		return nil
	}
	if err := r.listProcesses(running); err != nil {
		return err
	}
	_, err = r.session.Sweep(emit)
	return err
}

// listProcesses records the processes that already run. Their command lines are as long as their users like: they may
// fill more than one batch.
func (r *Recorder) listProcesses(running *bpf.Running) error {
	g := r.drain.gatherer
	t := g.table("process")
	g.send(t) // so that a batch has no other rows
	send := func() {
		if g.living != nil && t.batch != nil {
			g.living.follow(t.batch, 0)
		}
		g.send(t)
	}
	used, err := g.listUsed(r.session.Processes)
	if err != nil {
		return err
	}
	err = running.Append(func() (*format.Batch, error) {
		if t.batch != nil && t.full() {
			send()
		}
		if !t.ensureBatch() {
			return nil, errStalled()
		}
		return t.batch, nil
	}, used, r.drain.machine.unixNow(), !r.cfg.WithoutArgs)
	send()
	if running.Unnamed > 0 {
		r.reporter.notes = append(r.reporter.notes, fmt.Sprintf(
			"of the processes that ran at its beginning %d have no program in their rows, for lack of memory",
			running.Unnamed))
	}
	return err
}

// WriteOut writes what was recorded so far. When it returns, all files that the start of a recording creates exist.
func (r *Recorder) WriteOut() error {
	if err := r.Sweep(); err != nil {
		return err
	}
	r.drain.lanes.waitIdle()
	return nil
}

// Sweep empties the rings once. It may be called between Start and Run, as often as that takes time.
func (r *Recorder) Sweep() error {
	_, err := r.session.Sweep(r.drain.gatherer.emit)
	return err
}

// Directories opens the directories that the recording still uses, as format.Writer.Directories does. The dumps of a
// flight recorder are beside its window: for it, output is the directory that both are in.
func (r *Recorder) Directories() (output, around *os.File, err error) {
	if r.dest.directory == nil {
		return r.dest.w.Directories()
	}
	output, err = r.dest.directory.root.Open(".")
	return output, nil, err
}

// Run records until End is called, a limit is reached or something fails. Finish must be called in all three cases.
func (r *Recorder) Run() error { return r.drain.run() }

// End ends Run. Any goroutine may call it, any number of times.
func (r *Recorder) End() { r.waiter.Finish() }

// Abort removes what Open created.
func (r *Recorder) Abort() error { return r.dest.abort() }

// Progress returns how many events were recorded and lost so far, and how many bytes were written. Any goroutine may
// call it.
func (r *Recorder) Progress() (rows, lost, written int64) {
	c := r.drain.gatherer.counts
	return c.rows.Load(), c.lost.Load(), r.dest.w.Written()
}

// Finish drains the rings for the last time and completes the capture. runErr is the error that Run returned. complete,
// if not nil, may add to the manifest what the caller knows.
func (r *Recorder) Finish(runErr error, complete func(*format.Manifest)) (Result, error) {
	d := r.drain
	// Even after a failed write the rings are drained, so that the numbers of recorded and lost events are exact.
	d.laneWait.allowed = true
	err := r.stop()
	d.lanes.sweeps.done.Store(true)
	d.machine.recordChanges()
	d.accounts.balance(d.machine.clocks.kept[0].Monotonic, d.laneWait.stalled, r.observer)
	if d.rotation != nil {
		d.rotation.finish(runErr == nil && err == nil)
	}
	r.writeRest()
	if d.laneWait.stalled {
		err = errStalled() // other errors are consequences
	} else {
		d.gatherer.release()
	}
	err = errors.Join(runErr, err)
	if err == nil {
		err = d.failure()
	}
	d.machine.addAnchor()
	m, closed := r.close(complete, err == nil)
	if err == nil {
		err = closed
	}
	if err != nil {
		return Result{}, err
	}
	result := Result{Manifest: m, All: r.reporter.all(m.End), Kept: r.reporter.kept(&m)}
	if r.dumper != nil {
		result.Dumps, result.DumpsMade = r.dumper.dumps, r.dumper.made
	}
	return result, nil
}

// stop stops the BPF programs and takes what is left in the rings. If old generations are dropped, all tasks are
// announced once more: a task with a call in flight may have done nothing else for longer than its row is kept.
func (r *Recorder) stop() error {
	err := r.session.Stop(r.drain.gatherer.emit)
	if !r.cfg.drops() || r.drain.laneWait.stalled {
		return err
	}
	if epochErr := r.session.SetEpoch(r.drain.rotation.epoch + 1); epochErr != nil {
		return errors.Join(err, fmt.Errorf("ending the recording: %w", epochErr))
	}
	return errors.Join(err, r.session.Announce(r.drain.gatherer.emit))
}

// writeRest sends what is left to the lanes, and waits until everything is written and all dumps are made.
func (r *Recorder) writeRest() {
	d := r.drain
	d.sendAll()
	batchFree := func(wait time.Duration) bool {
		time.Sleep(wait / 10)
		return len(d.accounts.free) > 0
	}
	for d.accounts.batch.Rows > 0 && d.laneWait.until(batchFree) {
		d.accounts.send()
	}
	done := make(chan struct{})
	go func() {
		d.lanes.close()
		if r.keeper != nil {
			r.keeper.close()
		}
		close(done)
	}()
	d.laneWait.until(func(wait time.Duration) bool {
		select {
		case <-done:
			return true
		case <-time.After(wait):
			return false
		}
	})
	r.syncer.close()
}

// close writes the final manifest. A flight recorder removes its window instead, which it has dumped; it keeps the
// window if the recording or a dump has failed.
func (r *Recorder) close(complete func(*format.Manifest), succeeded bool) (m format.Manifest, err error) {
	if r.drain.laneWait.stalled {
		return m, nil
	}
	defer r.dest.directory.close()
	finish := func(draft *format.Manifest) {
		r.reporter.complete(draft)
		if !succeeded {
			draft.Complete, draft.Notes = false, append(draft.Notes, "it ended early, with an error")
		}
		if complete != nil {
			complete(draft)
		}
		m = *draft
	}
	if r.dumper == nil {
		err = r.dest.w.Close(finish)
		return m, err
	}
	if !r.cfg.InMemory && (!succeeded || r.dumper.failed > 0) {
		err = r.dest.w.Close(finish)
	} else {
		m.Start, m.Tables = r.drain.machine.startTime(), r.dest.w.Tables()
		finish(&m)
		err = r.dest.w.Abort()
	}
	if n := r.dumper.failed; n > 0 && err == nil {
		err = fmt.Errorf("%d of %d dumps failed: %w", n, n+r.dumper.made, r.dumper.err)
	}
	return m, err
}
