// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

var lossesCommand = cli.Command{
	Name:    "analyze losses",
	Summary: "when and where events were lost",
	Description: `Shows every loss of events: from when until when, on which CPU, of which family and how many; and the
share of each family that is missing.`,
	Examples: []cli.Example{{Line: "analyze losses incident"}},
}

// maxLosses bounds the list; a capture that lost more often than this is told by its totals.
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

// share is what is missing of a family.
type share struct {
	Family string  `json:"family"`
	Rows   int64   `json:"rows"`
	Lost   int64   `json:"lost"`
	Share  float64 `json:"share"` // lost of all, 0 to 1
}

// lossReport is what losses prints.
type lossReport struct {
	Lost     int64   `json:"lost"`
	Families []share `json:"families"`
	Losses   []loss  `json:"losses"`
	Omitted  int64   `json:"omitted"` // losses beyond maxLosses
}

func losses(e *env, args []string) (err error) {
	o := newCommand(lossesCommand).withFilter("only losses for which `EXPR` holds; totals are of all").
		withJSON("one object")
	set, err := o.open(e, args)
	if set == nil {
		return err
	}
	defer closing(set, &err)
	report := &lossReport{Families: shares(set), Losses: []loss{}}
	for _, f := range report.Families {
		report.Lost += f.Lost
	}
	for _, c := range set {
		if err := report.read(e, set, c, o.filter); err != nil {
			return err
		}
	}
	slices.SortStableFunc(report.Losses, func(a, b loss) int { return a.From.Compare(b.From) })
	if o.json {
		return jsonline.Write(e.stdout, report)
	}
	return report.write(e.stdout, len(set) > 1)
}

// shares counts rows and losses of all event families of the captures.
func shares(set capture.Set) []share {
	families := map[string]share{}
	for _, c := range set {
		for name, size := range c.Manifest.Tables {
			if t := c.Table(name); name == format.LossSchema.Table || size.Lost == 0 && (t == nil || !t.Schema.Event()) {
				continue
			}
			f := families[name]
			families[name] = share{Family: name, Rows: f.Rows + size.Rows, Lost: f.Lost + size.Lost}
		}
	}
	list := slices.SortedFunc(maps.Values(families), func(a, b share) int { return cmp.Compare(a.Family, b.Family) })
	for i, f := range list {
		if f.Lost > 0 {
			list[i].Share = float64(f.Lost) / float64(f.Rows+f.Lost)
		}
	}
	return list
}

func (r *lossReport) read(e *env, set capture.Set, c *capture.Capture, p *filter.Program) error {
	s := e.scan(c, format.LossSchema.Table, format.LossSchema.Columns, p)
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
		t.Row(string(clock.Append(nil, from)), string(clock.Append(nil, until)), term.Duration(time.Duration(until-from)),
			strconv.Itoa(int(l.CPU)), l.Family, term.Count(l.Count), l.Capture)
	}
	return t
}

// percent shows a share so that nothing which is there looks like nothing.
func percent(share float64) string {
	switch {
	case share == 0:
		return "0 %"
	case share < 0.0001:
		return "<0.01 %"
	}
	return strconv.FormatFloat(100*share, 'f', 2, 64) + " %"
}
