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

// pendingCall is a call that was in flight at the end of the capture.
type pendingCall struct {
	Name string    `json:"name"`
	TS   time.Time `json:"ts"`
	Comm string    `json:"comm"`
	PID  int32     `json:"pid"`
	TID  int32     `json:"tid"`
	Age  int64     `json:"age_ns"` // at the end of the capture
}

// readPending returns the n oldest calls that were in flight at the end. It keeps no more than these and one batch in
// memory, because the table of a hostile capture may be long.
func readPending(e *env, c *capture.Capture, p *filter.Program, n int) ([]pendingCall, error) {
	tasks, err := c.Tasks()
	if err != nil {
		return nil, err
	}
	list := []pendingCall{}
	s := e.scan(c, "pending", schema.Of("pending").Select("ts", "task", "nr"), p)
	s.Ordered = true
	err = s.Run(e.ctx, func(_ int, b *format.Batch) error {
		for i := range b.Rows {
			task, ts := tasks.Task(b.Column("task").I32[i]), time.Unix(0, b.Column("ts").I64[i]).UTC()
			age := max(int64(c.Manifest.End.Sub(ts)), 0)
			name := c.Calls().Name(b.Column("nr").I32[i])
			list = append(list, pendingCall{name, ts, commOf(task), task.PID, task.TID, age})
		}
		list = top(list, n, func(p pendingCall) int64 { return p.Age }, func(a, b pendingCall) int {
			return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.TID, b.TID))
		})
		return nil
	})
	return list, err
}

func pendingTable(list []pendingCall, clock *stamp.Format) *term.Table {
	t := term.NewTable(">since", "call", "from", "comm", ">pid/tid")
	for _, c := range list {
		since := string(clock.Append(nil, c.TS.UnixNano()))
		t.Row(view.Nanoseconds.Text(c.Age), c.Name, since, c.Comm, pidAndTID(c.PID, c.TID))
	}
	return t
}
