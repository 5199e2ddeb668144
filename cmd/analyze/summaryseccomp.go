// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// seccompSummary is the part of a summary about seccomp filters.
type seccompSummary struct {
	Calls int64    `json:"calls"`
	Most  []denial `json:"most"`
}

// denial is how often a program made a system call that a seccomp filter denied or logged.
type denial struct {
	Name   string `json:"name"`
	Action string `json:"action"` // with its error or signal
	Comm   string `json:"comm"`
	Calls  int64  `json:"calls"`
}

// actionKey groups by the action of the filter, with its error or signal.
var actionKey = view.Texts("action", []string{"action", "code"}, func(b *format.Batch, row int) []byte {
	return []byte(capture.Action(b.Column("action").Str.At(row), b.Column("code").I32[row]))
})

func (s *seccompSummary) read(e *env, in *view.Input, n int) error {
	results, err := view.GroupRows(e.ctx, in, "seccomp",
		view.Grouping{Count: []view.Value{callCount}},
		view.Grouping{By: []*view.Key{view.Call, actionKey, view.Comm}, Count: []view.Value{callCount}},
	)
	if err != nil {
		return err
	}
	s.Calls, s.Most = callCount.Of(results[0].Total()), []denial{}
	for _, g := range results[1].Top(n, callCount) {
		s.Most = append(s.Most, denial{g.Texts[0], g.Texts[1], g.Texts[2], callCount.Of(g)})
	}
	return nil
}

func (s *seccompSummary) title() string {
	return fmt.Sprintf("seccomp: %s calls denied or logged", term.Count(s.Calls))
}

func (s *seccompSummary) table() *term.Table {
	t := term.NewTable(">calls", "call", "action", "comm")
	for _, d := range s.Most {
		t.Row(term.Count(d.Calls), d.Name, d.Action, d.Comm)
	}
	return t
}
