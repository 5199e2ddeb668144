// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"
)

// errEnough ends a merge when all events that were asked for are out.
var errEnough = errors.New("enough events")

// patience is how long a line may wait in the buffer when events are played in their own time.
const patience = 5 * time.Millisecond

// player writes events at the pace they are to have.
type player struct {
	ctx   context.Context
	out   *bufio.Writer
	speed float64 // 0: no pace
	rows  int64   // left to write; below 0: all

	began time.Time // when the first event was written
	first int64     // its time, ns
}

func newPlayer(ctx context.Context, w io.Writer, speed float64, rows int64) *player {
	if rows == 0 {
		rows = -1
	}
	return &player{ctx: ctx, out: bufio.NewWriterSize(w, 256<<10), speed: speed, rows: rows}
}

// play writes one event of the moment ts.
func (p *player) play(ts int64, row []byte) error {
	if p.speed > 0 {
		if err := p.wait(ts); err != nil {
			return err
		}
	}
	if _, err := p.out.Write(row); err != nil {
		return err
	}
	p.rows--
	if p.rows == 0 {
		return errEnough
	}
	return nil
}

// wait sleeps until it is time for an event of ts. What was written before is seen while it does.
func (p *player) wait(ts int64) error {
	if p.began.IsZero() {
		p.began, p.first = time.Now(), ts
	}
	ahead := time.Duration(float64(ts-p.first)/p.speed) - time.Since(p.began)
	if ahead < patience {
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

// end writes what is left, also of a replay that was interrupted, and gives the error there is to report.
func (p *player) end(err error) error {
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, p.out.Flush())
}
