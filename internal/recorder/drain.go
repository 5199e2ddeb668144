//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/wait"
)

const (
	minPause     = 4 * time.Millisecond   // between sweeps while the rings fill up
	maxPause     = 128 * time.Millisecond // between sweeps while they do not; a wake-up ends it early
	trimEvery    = 10 * time.Second
	anchorEvery  = time.Minute
	changesEvery = time.Second
)

// A drain is the loop of a recording: it sweeps the rings, and after each sweep does what is due.
type drain struct {
	cfg      *Config
	session  Session
	w        *format.Writer
	waiter   *wait.Waiter
	machine  *machine
	laneWait *laneWait
	lanes    *lanes
	gatherer *gatherer
	accounts *accounts
	shedder  *shedder
	rotation *rotation     // nil: it does not rotate
	failures []*firstError // of the other goroutines
	names    int           // bytes of names of programs that are kept while running processes are listed

	started                                          time.Time
	flushTimer, changesTimer, trimTimer, anchorTimer timer
}

// run drains until something ends the recording: a limit, the waiter, a failure (the error).
func (d *drain) run() error {
	defer wait.AddProcessor()()
	defer d.waiter.Release()
	d.start(time.Now())
	pause := minPause
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
		pause = nextPause(pause, fill)
		finished, wakeup, err := d.waiter.Wait(d.capWait(t, pause))
		if finished || err != nil {
			return err
		}
		if wakeup {
			d.session.ClearWakeup()
		}
	}
}

// start prepares for the first sweep of the loop, at t.
func (d *drain) start(t time.Time) {
	d.started = t
	d.flushTimer, d.changesTimer = timer{flushEvery, t}, timer{changesEvery, t}
	d.trimTimer, d.anchorTimer = timer{trimEvery, t}, timer{anchorEvery, t}
	d.laneWait.allowed = false
	d.shedder.begin(t) // CPU time that loading took does not count
}

// sweep moves records from the rings to batches, as far as there are free ones. fill is how full the fullest ring was,
// 0 to 1.
func (d *drain) sweep() (fill float64, err error) {
	d.lanes.sweeps.began = monotonic()
	if fill, err = d.session.Sweep(d.gatherer.emit); err != nil {
		return fill, err
	}
	d.lanes.sweeps.count.Add(1)
	if d.session.SweepComplete() {
		d.lanes.sweeps.complete++
	}
	return fill, nil
}

// afterSweep does what is due at t, after a sweep that found the fullest ring filled to the fraction fill (0 to 1).
func (d *drain) afterSweep(t time.Time, fill float64) error {
	if err := d.shedder.apply(t); err != nil {
		return err
	}
	if s := d.laneWait.stream; s != nil && s.writing.Load() {
		fill = 0 // the reader is the bottleneck: with less compression it would have more to read
	}
	d.lanes.codec.observe(fill, t)
	d.accounts.poll()
	if d.flushTimer.due(t) {
		d.sendAll()
	}
	if d.rotation != nil {
		if err := d.rotation.rotate(t); err != nil {
			return err
		}
	}
	if d.changesTimer.due(t) {
		d.machine.recordChanges()
	}
	if first := d.trimTimer.last.Equal(d.started); d.trimTimer.due(t) {
		d.gatherer.trim()
		if first {
			enableGC()
		}
	}
	if d.anchorTimer.due(t) {
		d.machine.addAnchor()
	}
	return d.failure()
}

// sendAll sends everything gathered to the lanes, followed by a flush.
func (d *drain) sendAll() {
	d.gatherer.flush()
	d.accounts.send()
	d.lanes.flush()
}

// failure is the first error of another goroutine, nil if there is none.
func (d *drain) failure() error {
	for _, failed := range d.failures {
		if err := failed.err(); err != nil {
			return err
		}
	}
	return nil
}

// limitReached reports whether MaxRows, MaxBytes or Duration is reached.
func (d *drain) limitReached(t time.Time) bool {
	return d.gatherer.rowsLeft == 0 || d.cfg.MaxBytes > 0 && d.w.Written() >= d.cfg.MaxBytes ||
		d.cfg.Duration > 0 && t.Sub(d.started) >= d.cfg.Duration
}

// capWait shortens a pause so that the recording ends at Duration.
func (d *drain) capWait(t time.Time, pause time.Duration) time.Duration {
	if d.cfg.Duration > 0 {
		return max(min(pause, d.cfg.Duration-t.Sub(d.started)), 100*time.Microsecond)
	}
	return pause
}

// nextPause is the pause after a sweep that found the fullest ring filled to the fraction fill (0 to 1), when the pause
// before that sweep was last. It doubles as long as little is in the rings, and halves otherwise.
func nextPause(last time.Duration, fill float64) time.Duration {
	if fill > busyFill {
		return max(last/2, minPause)
	}
	return min(last*2, maxPause)
}

// busyFill is the fill above which pauses get shorter. It is so small that records are still in the CPU cache when they
// are swept, and so large that the records take most of a sweep's time, not the fixed cost.
const busyFill = 1.0 / 16

// A timer tells when something periodic is due again.
type timer struct {
	every time.Duration
	last  time.Time
}

// due reports whether every has passed at that time since it was last true.
func (t *timer) due(at time.Time) bool {
	if at.Sub(t.last) < t.every {
		return false
	}
	t.last = at
	return true
}
