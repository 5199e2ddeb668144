//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/wait"
)

const (
	sweepEvery  = 4 * time.Millisecond   // while rings fill
	sweepIdle   = 128 * time.Millisecond // while they do not: one that passes its mark ends the wait
	trimEvery   = 10 * time.Second
	anchorEvery = time.Minute
	watchEvery  = time.Second
)

// A drain is the loop over all parts: it sweeps, and after each sweep does what is due.
type drain struct {
	cfg      *Config
	session  Session
	w        *format.Writer
	waiter   *wait.Waiter
	machine  *machine
	patience *patience
	lanes    *lanes
	gatherer *gatherer
	accounts *accounts
	shedder  *shedder
	rotation *rotation // nil: it does not rotate
	failures []*failure

	begun                       time.Time
	flush, watch, trim, anchors timer
}

// run drains until something ends the recording: a limit, the waiter, a failure (the error).
func (d *drain) run() error {
	defer wait.AddProcessor()()
	defer d.waiter.Release()
	d.begin(time.Now())
	pause := sweepEvery
	for {
		fill, err := d.sweep()
		if err != nil {
			return err
		}
		t := time.Now()
		if err := d.afterSweep(t, fill); err != nil {
			return err
		}
		if d.limitReached(t) {
			return nil
		}
		pause = pace(pause, fill)
		finished, rung, err := d.waiter.Wait(d.until(t, pause))
		if finished || err != nil {
			return err
		}
		if rung {
			d.session.ClearWakeup()
		}
	}
}

func (d *drain) begin(t time.Time) {
	d.begun = t
	d.flush, d.watch = timer{flushEvery, t}, timer{watchEvery, t}
	d.trim, d.anchors = timer{trimEvery, t}, timer{anchorEvery, t}
	d.patience.waits = false
	d.shedder.begin(t) // what loading took is not counted
}

// sweep empties the rings as far as there is room.
func (d *drain) sweep() (fill float64, err error) {
	if fill, err = d.session.Sweep(d.gatherer.emit); err != nil {
		return fill, err
	}
	d.lanes.sweeps.count.Add(1)
	if d.session.SweepComplete() {
		d.lanes.sweeps.whole++
	}
	return fill, nil
}

// afterSweep does what is due at t, after a sweep that found the fullest ring so full (0 to 1).
func (d *drain) afterSweep(t time.Time, fill float64) error {
	if err := d.shedder.obey(t); err != nil {
		return err
	}
	if s := d.patience.stream; s != nil && s.writing.Load() {
		fill = 0 // the reader is what it waits for: less compression would be more to read
	}
	d.lanes.codec.observe(fill, t)
	d.accounts.poll()
	if d.flush.due(t) {
		d.handOn()
	}
	if d.rotation != nil {
		if err := d.rotation.rotate(t); err != nil {
			return err
		}
	}
	if d.watch.due(t) {
		d.machine.notice()
	}
	if first := d.trim.last.Equal(d.begun); d.trim.due(t) {
		d.gatherer.trim()
		if first {
			collectGarbage()
		}
	}
	if d.anchors.due(t) {
		d.machine.addAnchor()
	}
	return d.failure()
}

// handOn gives everything gathered to the lanes, and has them flush.
func (d *drain) handOn() {
	d.gatherer.flush()
	d.accounts.hand()
	d.lanes.flush()
}

// failure is the first error of the other goroutines, as far as there is one.
func (d *drain) failure() error {
	for _, failed := range d.failures {
		if err := failed.err(); err != nil {
			return err
		}
	}
	return nil
}

// limitReached says whether the recording has as much as was asked for.
func (d *drain) limitReached(t time.Time) bool {
	return d.gatherer.rowsLeft == 0 || d.cfg.MaxBytes > 0 && d.w.Written() >= d.cfg.MaxBytes ||
		d.cfg.Duration > 0 && t.Sub(d.begun) >= d.cfg.Duration
}

// until shortens a wait so that the recording ends in time.
func (d *drain) until(t time.Time, pause time.Duration) time.Duration {
	if d.cfg.Duration > 0 {
		return max(min(pause, d.cfg.Duration-t.Sub(d.begun)), 100*time.Microsecond)
	}
	return pause
}

// pace is how long to wait after a sweep that found the fullest ring so full (0 to 1), when it was last before that
// one. Twice as long as last time, as long as that leaves most of every ring free.
func pace(last time.Duration, fill float64) time.Duration {
	if fill > fillPaced {
		return max(last/2, sweepEvery)
	}
	return min(last*2, sweepIdle)
}

// fillPaced is small, so that records are still in the cache when they are swept, but most of a sweep is its records.
const fillPaced = 1.0 / 16
