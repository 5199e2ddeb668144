// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"
)

// errEnough ends the merge when as many events as --rows says have been written.
var errEnough = errors.New("enough events")

// flushAfter is the shortest wait for an event before which the buffer is flushed. Shorter waits are skipped: the event
// is written early, by less than this.
const flushAfter = 5 * time.Millisecond

// player writes events at a given pace.
type player struct {
	ctx       context.Context
	out       *bufio.Writer
	speed     float64 // factor to the recorded pace; 0: as fast as possible
	start     int64   // of the recording, in ns since the Unix epoch; what began before is written at once
	remaining int64   // events to write; below 0: all

	played bool // any event

	began time.Time // when the first event was written; only set if there is a speed
	first int64     // its time, in ns since the Unix epoch
}

// newPlayer makes a player that stops after that many rows, or after all if rows is 0.

func newPlayer(ctx context.Context, w io.Writer, speed float64, rows int64) *player {
	if rows == 0 {
		rows = -1
	}
	return &player{ctx: ctx, out: bufio.NewWriterSize(w, 256<<10), speed: speed, remaining: rows}
}

// play writes one event, whose time is ts in ns since the Unix epoch. It returns errEnough after the last one.
func (p *player) play(ts int64, row []byte) error {
	if p.speed > 0 {
		if err := p.wait(ts); err != nil {
			return err
		}
	}
	if _, err := p.out.Write(row); err != nil {
		return err
	}
	p.played = true
	p.remaining--
	if p.remaining == 0 {
		return errEnough
	}
	return nil
}

// wait waits until it is time for an event with time ts. Earlier events are flushed first.
func (p *player) wait(ts int64) error {
	ts = max(ts, p.start)
	if p.began.IsZero() {
		p.began, p.first = time.Now(), ts
	}
	ahead := time.Duration(float64(ts-p.first)/p.speed) - time.Since(p.began)
	if ahead < flushAfter {
		return nil
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}

// finish flushes the buffer, even after an error. It returns the error to be reported, given the one of the merge.
func (p *player) finish(err error) error {
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, p.out.Flush())
}
