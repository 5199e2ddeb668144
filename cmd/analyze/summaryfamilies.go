// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/internal/term"
)

// familyRate is a family with how often its events came.
type familyRate struct {
	familyShare
	PerSecond float64 `json:"per_second"`
}

func (s *captureSummary) familyTitle() string {
	if s.filtered {
		return "events, all; what follows is filtered"
	}
	return "events"
}

func (s *captureSummary) familyTable() *term.Table {
	t := term.NewTable("family", ">rows", ">per second", ">lost", ">share lost")
	for _, f := range s.Families {
		rate := "-"
		if f.PerSecond > 0 {
			rate = term.Rate(f.Rows, s.End.Sub(s.Start))
		}
		t.Row(f.Family, term.Count(f.Rows), rate, term.Count(f.Lost), percent(f.Share))
	}
	return t
}
