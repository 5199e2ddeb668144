// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

// maxLosses bounds the list; of a capture that lost more often there are the totals.
const maxLosses = 1 << 20

// loss is one row of the table of losses.
type loss struct {
	Capture string    `json:"capture,omitempty"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	CPU     int32     `json:"cpu"`
	Family  string    `json:"family"`
	Count   int64     `json:"count"`
}

// lossReport is what losses prints.
type lossReport struct {
	Lost     int64         `json:"lost"`
	Families []familyShare `json:"families"`
	Losses   []loss        `json:"losses"`
	Omitted  int64         `json:"omitted"` // losses beyond maxLosses
}

func (r *lossReport) read(e *env, set capture.Set, c *capture.Capture, p *filter.Program) error {
	s := e.scan(c, schema.Loss.Table, schema.Loss.Schema.Columns, p)
	s.Ordered = true
	return s.Run(e.ctx, func(_ int, b *format.Batch) error {
		for i := range b.Rows {
			if len(r.Losses) == maxLosses {
				r.Omitted += int64(b.Rows - i)
				return nil
			}
			r.Losses = append(r.Losses, loss{
				Capture: set.Label(c),
				From:    time.Unix(0, b.Column("ts").I64[i]).UTC(),
				Until:   time.Unix(0, b.Column("until").I64[i]).UTC(),
				CPU:     b.Column("cpu").I32[i],
				Family:  b.Column("family").Str.At(i),
				Count:   b.Column("count").I64[i],
			})
		}
		return nil
	})
}

func (r *lossReport) write(w io.Writer, several bool) error {
	colour := term.ColourOf(w)
	if r.Lost == 0 && len(r.Losses) == 0 {
		_, err := fmt.Fprintln(w, colour.Green("no losses"))
		return err
	}
	fmt.Fprintf(w, "%s: %s events\n\n", colour.Red("LOST"), term.Count(r.Lost))
	if err := r.shareTable().Write(w, "  "); err != nil {
		return err
	}
	if len(r.Losses) > 0 {
		fmt.Fprintln(w)
		if err := r.lossTable(several).Write(w, "  "); err != nil {
			return err
		}
	}
	if r.Omitted > 0 {
		fmt.Fprintf(w, "\n  and %s losses more\n", term.Count(r.Omitted))
	}
	return nil
}

func (r *lossReport) shareTable() *term.Table {
	t := term.NewTable("family", ">rows", ">lost", ">share lost")
	for _, f := range r.Families {
		t.Row(f.Family, term.Count(f.Rows), term.Count(f.Lost), percent(f.Share))
	}
	return t
}

func (r *lossReport) lossTable(several bool) *term.Table {
	heads := []string{"from", "until", ">lasting", ">cpu", "family", ">lost", ""}
	if several {
		heads[6] = "capture"
	}
	t := term.NewTable(heads...)
	clock := stamp.New("2006-01-02 15:04:05", "", time.Local)
	for _, l := range r.Losses {
		from, until := l.From.UnixNano(), l.Until.UnixNano()
		t.Row(string(clock.Append(nil, from)), string(clock.Append(nil, until)),
			term.Duration(time.Duration(until-from)), strconv.Itoa(int(l.CPU)), l.Family, term.Count(l.Count),
			l.Capture)
	}
	return t
}
