//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/term"
)

// A sample is one figure of each round, or why there is none.
type sample struct {
	values  []float64
	missing string
}

func (s sample) median() float64 { return s.quantile(0.5) }

// quantile interpolates between the two values next to q, 0 to 1. NaN of none.
func (s sample) quantile(q float64) float64 {
	if len(s.values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(s.values))
	below, part := math.Modf(q * float64(len(v)-1))
	i := int(below)
	return v[i] + part*(v[min(i+1, len(v)-1)]-v[i])
}

// over divides round by round.
func (s sample) over(other sample) sample {
	out := sample{missing: cmpOr(s.missing, other.missing)}
	for i := range min(len(s.values), len(other.values)) {
		out.values = append(out.values, s.values[i]/other.values[i])
	}
	return out
}

func (s sample) text(u unit) string {
	if len(s.values) == 0 {
		return cmpOr(s.missing, "not measured")
	}
	return u(s.median())
}

// extent is the least and the most of all rounds, in brackets.
func (s sample) extent(u unit) string {
	if len(s.values) < 2 {
		return ""
	}
	return fmt.Sprintf(" (%s to %s)", u(slices.Min(s.values)), u(slices.Max(s.values)))
}

// A unit is how figures of one kind are written.
type unit func(float64) string

func ns(v float64) string       { return term.Duration(time.Duration(math.Round(v))) }
func ms(v float64) string       { return fmt.Sprintf("%.0f ms", v) }
func byteUnit(v float64) string { return fmt.Sprintf("%.2f B", v) }
func rowUnit(v float64) string  { return term.Count(int64(math.Round(v))) }
func percent(v float64) string  { return fmt.Sprintf("%.2f %%", v) }
func mib(v float64) string      { return fmt.Sprintf("%.1f MiB", v) }
func times(v float64) string    { return fmt.Sprintf("%.2f", v) }

// A line is one line of the table: the texts as printed, and the figures behind them.
type line struct {
	What   string  `json:"what"`
	Work   string  `json:"work"`
	Ours   string  `json:"ours"`
	Side   string  `json:"against"` // the other one; "" when ours is held against a number
	Theirs string  `json:"theirs"`
	Ratio  string  `json:"ratio"`
	Reach  string  `json:"reach"`
	Met    string  `json:"met"` // yes, no, or why it is not known; "" where there is nothing to reach
	Rounds figures `json:"rounds"`
	unit   unit
}

// figures are the numbers of a line, each by round.
type figures struct {
	Ours   []float64 `json:"ours,omitempty"`
	Theirs []float64 `json:"theirs,omitempty"`
	Limit  float64   `json:"limit,omitempty"` // of the median of ours, or of the ratio of the medians
}

const (
	met    = "yes"
	notMet = "no"
	unmet  = "not measured"
)

// ratio compares two samples: the ratio of their medians, beside it the least and the most of the rounds'. limit 0: for
// information only.
func (l line) ratio(mine, theirs sample, limit float64) line {
	l = l.beside(mine, theirs)
	l.Rounds.Limit = limit
	var ratio sample
	if rounds := mine.over(theirs); len(rounds.values) > 0 {
		ratio.values = []float64{mine.median() / theirs.median()}
		l.Ratio = ratio.text(times) + rounds.extent(times)
	}
	if limit > 0 {
		l.Reach = "≤ " + times(limit) + " ×"
		l.Met = judge(ratio, limit)
	}
	return l
}

// limit holds a sample against a number.
func (l line) limit(mine sample, limit float64) line {
	l.Ours, l.Reach, l.Met = mine.text(l.unit)+mine.extent(l.unit), "≤ "+l.unit(limit), judge(mine, limit)
	l.Rounds = figures{Ours: mine.values, Limit: limit}
	return l
}

// beside shows two samples, and judges neither.
func (l line) beside(mine, theirs sample) line {
	l.Ours, l.Theirs = mine.text(l.unit), theirs.text(l.unit)
	l.Rounds = figures{Ours: mine.values, Theirs: theirs.values}
	return l
}

func judge(s sample, limit float64) string {
	switch {
	case len(s.values) == 0:
		return unmet
	case s.median() <= limit:
		return met
	}
	return notMet
}

func cmpOr(texts ...string) string { return cmp.Or(texts...) }

// table is the result of a run.
type table struct {
	Machine machine       `json:"machine"`
	Began   time.Time     `json:"began"`
	Took    time.Duration `json:"took_ns"`
	Others  float64       `json:"others"` // what everybody else took of the machine's CPUs meanwhile, 0 to 1
	Rounds  int           `json:"rounds"`
	Lines   []line        `json:"lines"`
	Runs    results       `json:"runs"`
}

var heads = []string{"WHAT", "WORK", "OURS", "AGAINST", "THEIRS", "RATIO", "REACH", "MET"}

func (l line) cells() []string {
	return []string{l.What, l.Work, l.Ours, l.Side, l.Theirs, l.Ratio, l.Reach, l.Met}
}

func (t *table) text(w io.Writer) error {
	out := term.NewTable(heads...)
	for _, l := range t.Lines {
		out.Row(l.cells()...)
	}
	if err := out.Write(w, ""); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s.\n%s\n", t.Machine, term.Escape(t.notes()))
	return err
}

// notes say how far the figures can be trusted.
func (t *table) notes() string {
	all, beside, disturbed := 0, 0, 0
	for _, bySide := range t.Runs.Works {
		for _, trials := range bySide {
			for _, r := range trials {
				all++
				if r.Beside > 0 {
					beside++
				}
				if r.Disturbed {
					disturbed++
				}
			}
		}
	}
	text := fmt.Sprintf("Medians of %d rounds, in brackets the least and the most; one run of the busy and of the idle host. In the meantime others took %.0f %% of the CPUs.",
		t.Rounds, 100*t.Others)
	if disturbed > 0 {
		text += fmt.Sprintf(" %d of %d runs were disturbed: the work alone was slower then than it can be.", disturbed, all)
	}
	if beside > 0 {
		text += fmt.Sprintf(" %d of %d runs were beside other BPF programs on raw tracepoints, which make every system call slower.", beside, all)
	}
	return text
}

// markdown is BENCHMARKS.md.
func (t *table) markdown(args []string) []byte {
	var b bytes.Buffer
	command := strings.Join(append([]string{"go run ./test/bench"}, args...), " ")
	fmt.Fprintf(&b, page, t.Began.Format("2 January 2006"), t.Took, t.Machine.markdown(), t.notes(), command)
	row := func(cells []string) {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	names := make([]string, len(heads))
	for i, h := range heads {
		names[i] = strings.ToLower(h)
	}
	row(names)
	row(slices.Repeat([]string{"---"}, len(heads)))
	for _, l := range t.Lines {
		row(l.cells())
	}
	b.WriteString(pageNotes)
	return b.Bytes()
}
