// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/jsonline"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

var lossesCommand = cli.Command{
	Name:    "analyze losses",
	Summary: "when and where events were lost",
	Description: `Shows every loss of events: from when until when, on which CPU, of which family and how many; and the
share of each family that is missing.`,
	Examples: []cli.Example{{Line: "analyze losses incident"}},
}

func losses(e *env, args []string) (err error) {
	o := newCommand(lossesCommand).withFilter("only losses for which `EXPR` holds; totals are of all").
		withJSON("one object")
	set, err := o.open(e, args)
	if set == nil {
		return err
	}
	defer closeCaptures(set, &err)
	if err := set.CheckNames(o.filter, o.expression, format.LossSchema.Table); err != nil {
		return err
	}
	report := &lossReport{Losses: []loss{}}
	if report.Families, err = familyTotals(set); err != nil {
		return err
	}
	for _, f := range report.Families {
		report.Lost = view.Add(report.Lost, f.Lost)
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

// maxLosses is the maximum length of the list of losses, if there is memory for so many. Further losses are only in the
// totals.
const maxLosses = 1 << 17

// lossBytes is what a loss takes in the list and as JSON, which is made of all of them at once.
const lossBytes = 2048

// maxFamily is how many bytes of the name of a family are shown. No table has a longer name.
const maxFamily = 64

// loss is one row of the table of losses.
type loss struct {
	Capture string    `json:"capture,omitempty"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	CPU     int32     `json:"cpu"`
	Family  string    `json:"family"`
	Count   int64     `json:"count"`
}

// lossReport is the output of losses.
type lossReport struct {
	Lost     int64         `json:"lost"`
	Families []familyTotal `json:"families"`
	Losses   []loss        `json:"losses"`
	Omitted  int64         `json:"omitted"` // rows of the table of losses beyond maxLosses
}

// read adds the losses of one capture that match the filter p.
func (r *lossReport) read(e *env, set capture.Set, c *capture.Capture, p *filter.Program) error {
	s := e.scan(c, schema.Loss.Table, schema.Loss.Schema.Columns, p)
	s.Ordered = true
	most := min(maxLosses, int(budget.Of(e.ctx).Share(4)/lossBytes))
	var families capture.TextPool
	return s.Run(e.ctx, func(_ int, b *format.Batch) error {
		for i := range b.Rows {
			if len(r.Losses) >= most {
				r.Omitted += int64(b.Rows - i)
				return nil
			}
			family := b.Column("family").Str.Bytes(i)
			r.Losses = append(r.Losses, loss{
				Capture: set.Label(c),
				From:    time.Unix(0, b.Column("ts").I64[i]).UTC(),
				Until:   time.Unix(0, b.Column("until").I64[i]).UTC(),
				CPU:     b.Column("cpu").I32[i],
				Family:  families.Add(family[:min(len(family), maxFamily)]),
				Count:   b.Column("count").I64[i],
			})
		}
		return nil
	})
}

// write prints the report. withCapture says that losses are of several captures, and adds a column with their paths.
func (r *lossReport) write(w io.Writer, withCapture bool) error {
	colour := term.ColourOf(w)
	if r.Lost == 0 && len(r.Losses) == 0 {
		_, err := fmt.Fprintln(w, colour.Green("no losses"))
		return err
	}
	fmt.Fprintf(w, "%s: %s rows\n\n", colour.Red("LOST"), term.Count(r.Lost))
	if err := r.shareTable().Write(w, "  "); err != nil {
		return err
	}
	if len(r.Losses) > 0 {
		fmt.Fprintln(w)
		if err := r.lossTable(withCapture).Write(w, "  "); err != nil {
			return err
		}
	}
	if r.Omitted > 0 {
		_, err := fmt.Fprintf(w, "  %s more losses\n", term.Count(r.Omitted))
		return err
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

func (r *lossReport) lossTable(withCapture bool) *term.Table {
	heads := []string{"from", "until", ">lasting", ">cpu", "family", ">lost", ""}
	if withCapture {
		heads[6] = "capture"
	}
	t := term.NewTable(heads...)
	clock := stamp.New("2006-01-02 15:04:05", "", time.Local)
	t.Rows(len(r.Losses), func(i int) []string {
		l := &r.Losses[i]
		return []string{string(clock.Append(nil, l.From.UnixNano())), string(clock.Append(nil, l.Until.UnixNano())),
			term.Duration(l.Until.Sub(l.From)), strconv.Itoa(int(l.CPU)), l.Family, term.Count(l.Count),
			l.Capture}
	})
	return t
}
