// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// pendingCall is a call that was in flight at the end of the capture, or when its process ended.
type pendingCall struct {
	Name   string    `json:"name"`
	TS     time.Time `json:"ts"`
	Comm   string    `json:"comm"`
	PID    int32     `json:"pid"`
	TID    int32     `json:"tid"`
	Age    int64     `json:"age_ns"`       // at that time
	Ended  bool      `json:"ended"`        // its process ended before the capture did
	Before bool      `json:"began_before"` // the recording, so Age is a lower bound
}

// pendingSummary are the oldest calls that did not return, and the number of all.
type pendingSummary struct {
	Pending    []pendingCall `json:"pending_calls"` // the longest
	PendingAll int64         `json:"pending_calls_all"`
}

// read finds the n oldest calls that did not return. It keeps no more than these and one batch in memory, because the
// table of a hostile capture may be long.
func (s *pendingSummary) read(e *env, c *capture.Capture, p *filter.Program, l *processList, n int) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	s.Pending = []pendingCall{}
	scan := e.scan(c, "pending", schema.Of("pending").Select("ts", "task", "nr", "flags"), p)
	scan.Ordered = true
	return scan.Run(e.ctx, func(_ int, b *format.Batch) error {
		s.PendingAll += int64(b.Rows)
		for i := range b.Rows {
			task, ts := tasks.Task(b.Column("task").I32[i]), time.Unix(0, b.Column("ts").I64[i]).UTC()
			call := pendingCall{Name: c.Calls().Name(b.Column("nr").I32[i]), TS: ts, Comm: commOf(task), PID: task.PID,
				TID: task.TID, Before: view.Before(b, i)}
			end := c.Manifest.End
			if p := l.find(task.PID, ts.UnixNano()); p != nil && p.End != nil && !p.End.Before(ts) {
				end, call.Ended = *p.End, true
			}
			call.Age = max(int64(end.Sub(ts)), 0)
			s.Pending = append(s.Pending, call)
		}
		s.Pending = top(s.Pending, n, func(p pendingCall) int64 { return p.Age }, func(a, b pendingCall) int {
			return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID))
		})
		return nil
	})
}

func (s *pendingSummary) pendingTable(clock *stamp.Format) *term.Table {
	t := term.NewTable(">for", "call", "from", "until", "comm", ">pid/tid")
	for _, c := range s.Pending {
		since, until := string(clock.Append(nil, c.TS.UnixNano())), "the end"
		if c.Ended {
			until = "its process ended"
		}
		t.Row(boundText(c.Age, c.Before), c.Name, since, until, c.Comm, pidAndTID(c.PID, c.TID))
	}
	return t
}
