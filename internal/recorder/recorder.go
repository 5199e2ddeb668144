//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"slices"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/wait"
)

// A Recorder makes one capture: Open, Start, WriteOut, Run, Finish, in this order, all by one goroutine; Abort instead
// of whatever has not been called yet when one before Run fails. Between WriteOut and Run whoever has it may give up
// every privilege.
type Recorder struct{ parts }

// Open creates the capture. Nothing is recorded until Start.
func Open(cfg Config, budget *Budget, session Session, observer Observer) (*Recorder, error) {
	waiter, err := wait.New(session.WakeupFD())
	if err != nil {
		return nil, err
	}
	clock, err := anchor()
	if err != nil {
		return nil, err
	}
	m := cfg.Manifest
	m.Tables = map[string]format.TableInfo{}
	m.Clock = []format.Clock{clock}
	m.Start = time.Unix(0, clock.Wall).UTC()
	r := &Recorder{parts{cfg: cfg, session: session, observer: observer, waiter: waiter}}
	if r.to, err = create(&r.cfg, m); err != nil {
		return nil, err
	}
	r.build(budget, clock)
	return r, nil
}

// Start begins the recording, and writes down what already runs.
func (r *Recorder) Start() error {
	emit := r.drain.gatherer.emit
	running := format.NewBatch(schema.Of("task").Schema)
	err := r.session.Start(func(l *bpf.Layout, recs bpf.Records, cpu int32) error {
		if l.Schema == running.Schema {
			l.Gather(running, recs, cpu, r.drain.machine.wall)
		}
		return emit(l, recs, cpu)
	})
	if err != nil {
		return err
	}
	// The rings fill from now on, and what follows may take its time on a host in trouble.
	if _, err := r.session.Sweep(emit); err != nil {
		return err
	}
	if !slices.Contains(r.reporter.recorded, "process") {
		return nil
	}
	t := r.drain.gatherer.table("process")
	if !t.ready() {
		return errStalled()
	}
	if err := bpf.AppendProcesses(t.batch, running, r.drain.machine.unix()); err != nil {
		return err
	}
	r.drain.gatherer.hand(t)
	_, err = r.session.Sweep(emit)
	return err
}

// WriteOut returns when what was recorded so far is written, and the files it goes to are made.
func (r *Recorder) WriteOut() error {
	if _, err := r.session.Sweep(r.drain.gatherer.emit); err != nil {
		return err
	}
	r.drain.lanes.idle()
	return nil
}

// Run records until End is called, a limit is reached or something fails. Finish is to be called in any case.
func (r *Recorder) Run() error { return r.drain.run() }

// End ends Run. Any goroutine may call it, again and again.
func (r *Recorder) End() { r.waiter.Finish() }

// Abort takes back what Open made.
func (r *Recorder) Abort() error { return r.to.abort() }

// Progress is how many events are recorded and lost so far, and how many bytes are written. Any goroutine may ask.
func (r *Recorder) Progress() (rows, lost, written int64) {
	c := r.drain.gatherer.counts
	return c.rows.Load(), c.lost.Load(), r.to.w.Written()
}
