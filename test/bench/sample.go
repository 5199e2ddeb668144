//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fletch-trace/fletch/internal/term"
)

// sample is one figure of each round that counts, or the reason why there is none.
type sample struct {
	values  []float64
	rounds  []int  // the round of each value
	asked   int    // rounds that were to be measured; those that were disturbed are not in values
	missing string // why there is no value
}

func (s sample) median() float64 { return s.quantile(0.5) }

// quantile returns the quantile q, 0 to 1, interpolated between the two values next to it; NaN if there are no values.
func (s sample) quantile(q float64) float64 {
	if len(s.values) == 0 {
		return math.NaN()
	}
	v := slices.Sorted(slices.Values(s.values))
	below, part := math.Modf(q * float64(len(v)-1))
	i := int(below)
	return v[i] + part*(v[min(i+1, len(v)-1)]-v[i])
}

// paired returns the two samples with only those rounds that both have.
func paired(a, b sample) (sample, sample) {
	inA := sample{asked: a.asked, missing: cmp.Or(a.missing, b.missing)}
	inB := sample{asked: b.asked, missing: inA.missing}
	for i, round := range a.rounds {
		if j := slices.Index(b.rounds, round); j >= 0 {
			inA.values, inA.rounds = append(inA.values, a.values[i]), append(inA.rounds, round)
			inB.values, inB.rounds = append(inB.values, b.values[j]), append(inB.rounds, round)
		}
	}
	return inA, inB
}

// ratioTo divides round by round. A round in which one of the two is not greater than zero has no ratio: its cost is
// less than the noise.
func (s sample) ratioTo(other sample) sample {
	s, other = paired(s, other)
	ratio := sample{asked: s.asked, missing: s.missing}
	for i, v := range s.values {
		if v > 0 && other.values[i] > 0 {
			ratio.values = append(ratio.values, v/other.values[i])
			ratio.rounds = append(ratio.rounds, s.rounds[i])
		}
	}
	return ratio
}

// enough reports whether at least half of the rounds asked for count, so that a limit can be judged.
func (s sample) enough() bool { return len(s.values) > 0 && 2*len(s.values) >= s.asked }

func (s sample) text(u unit) string {
	if len(s.values) == 0 {
		return cmp.Or(s.missing, notMeasured)
	}
	return u(s.median())
}

// rangeText returns the least and the greatest value in brackets; "" unless there are two.
func (s sample) rangeText(u unit) string {
	if len(s.values) < 2 {
		return ""
	}
	return fmt.Sprintf(" (%s to %s)", u(slices.Min(s.values)), u(slices.Max(s.values)))
}

// unit formats figures of one kind.
type unit func(float64) string

func ns(v float64) string       { return term.Duration(time.Duration(math.Round(v))) }
func ms(v float64) string       { return fmt.Sprintf("%.0f ms", v) }
func byteUnit(v float64) string { return fmt.Sprintf("%.2f B", v) }
func rowUnit(v float64) string  { return term.Count(int64(math.Round(v))) }
func percent(v float64) string  { return fmt.Sprintf("%.2f %%", v) }
func mib(v float64) string      { return fmt.Sprintf("%.1f MiB", v) }
func times(v float64) string    { return fmt.Sprintf("%.2f", v) }
