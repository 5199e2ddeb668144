//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// A Result is what a recording has come to.
type Result struct {
	Manifest format.Manifest // of what is kept; a flight recorder's of the window that it had
	All      Part            // what was recorded
	Kept     *Part           // what is kept of it; nil: all
	Dumps    []Dump
}

// Finish ends the recording that Run ended (with failed, when not nil) and makes the capture whole. complete may put
// into the manifest what whoever called knows.
func (r *Recorder) Finish(failed error, complete func(*format.Manifest)) (Result, error) {
	d := r.drain
	// Even after a failed write the rest is drained, so that what was recorded and lost is known.
	d.patience.waits = true
	err := r.stop()
	d.lanes.sweeps.done.Store(true)
	d.machine.notice()
	d.accounts.balance(d.machine.clocks[0].Monotonic, d.patience.stalled, r.observer)
	if d.rotation != nil {
		d.rotation.finish(failed == nil && err == nil)
	}
	r.writeRest()
	if d.patience.stalled {
		err = errStalled() // whatever else it led to
	}
	err = errors.Join(failed, err)
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
		result.Dumps = r.dumper.made
	}
	return result, nil
}

// stop ends the recording in the programs. Where old generations are dropped, everything that runs is announced once
// more: in-flight calls are events of whoever made them, who may have done nothing else for longer than rows are kept.
func (r *Recorder) stop() error {
	err := r.session.Stop(r.drain.gatherer.emit)
	if !r.cfg.drops() || r.drain.patience.stalled {
		return err
	}
	if e := r.session.SetEpoch(uint32(r.drain.lanes.generation + 1)); e != nil {
		return errors.Join(err, fmt.Errorf("ending the recording: %w", e))
	}
	return errors.Join(err, r.session.Announce(r.drain.gatherer.emit))
}

// writeRest hands on what is left, and waits until everything has been written, and dumped.
func (r *Recorder) writeRest() {
	d := r.drain
	d.handOn()
	taken := func(wait time.Duration) bool {
		time.Sleep(wait / 10)
		return len(d.accounts.free) > 0
	}
	for d.accounts.batch.Rows > 0 && d.patience.wait(taken) {
		d.accounts.hand()
	}
	done := make(chan struct{})
	go func() {
		d.lanes.close()
		if r.keeper != nil {
			r.keeper.close()
		}
		close(done)
	}()
	d.patience.wait(func(wait time.Duration) bool {
		select {
		case <-done:
			return true
		case <-time.After(wait):
			return false
		}
	})
	r.syncer.close()
}

// close writes the manifest. What a flight recorder has dumped at the end is not kept in the window too.
func (r *Recorder) close(complete func(*format.Manifest), whole bool) (m format.Manifest, err error) {
	if r.drain.patience.stalled {
		return m, nil
	}
	finish := func(draft *format.Manifest) {
		r.reporter.complete(draft)
		if complete != nil {
			complete(draft)
		}
		m = *draft
	}
	if r.dumper == nil {
		err = r.to.w.Close(finish)
		return m, err
	}
	if !r.cfg.InMemory && (!whole || len(r.dumper.failed) > 0) {
		err = r.to.w.Close(finish)
	} else {
		m.Start, m.Tables = r.drain.machine.begun(), r.to.w.Tables()
		finish(&m)
		err = r.to.w.Abort()
	}
	if n := len(r.dumper.failed); n > 0 && err == nil {
		err = fmt.Errorf("%d of %d dumps failed: %w", n, n+len(r.dumper.made), r.dumper.failed[0])
	}
	return m, err
}
