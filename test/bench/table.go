//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/term"
)

// table is the result of a run.
type table struct {
	Machine machine       `json:"machine"`
	Dirty   bool          `json:"dirty"` // the tree had changes that are in no commit
	Began   time.Time     `json:"began"`
	Took    time.Duration `json:"took_ns"`
	Others  float64       `json:"others"` // share of the CPUs that other processes used meanwhile, 0 to 1
	Rounds  int           `json:"rounds"`
	Lines   []line        `json:"lines"`
	Runs    results       `json:"runs"`
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

// notes returns how many runs there were, how many were disturbed, and what else limits the trust in the figures.
func (t *table) notes() string {
	runs, repeated, leftOut := 0, 0, map[string]int{}
	for _, bySide := range t.Runs.Works {
		for _, trials := range bySide {
			for _, r := range trials {
				runs += 1 + r.Repeated
				repeated += r.Repeated
				leftOut[r.Disturbed]++
			}
		}
	}
	delete(leftOut, "")
	text := fmt.Sprintf("The figures are medians of %d rounds, with the lowest and the highest in brackets; the busy "+
		"and the idle host were measured once. Meanwhile other processes used %.0f %% of the CPUs. "+
		"There were %d runs; %d of them were disturbed and repeated", t.Rounds, 100*t.Others, runs, repeated)
	for _, why := range []string{slowAlone, othersTracing, othersBusy} {
		if n := leftOut[why]; n > 0 {
			text += fmt.Sprintf("; %d left out because %s", n, why)
		}
	}
	text += "."
	if t.Dirty {
		text += " The tree was dirty: no commit contains what was measured."
	}
	return text
}

// markdown returns the content of BENCHMARKS.md.
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
	fmt.Fprintf(&b, pageNotes, 100*(slowerThan-1), 100*crowdedFrom, tries-1)
	return b.Bytes()
}
