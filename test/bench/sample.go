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

// A sample is one figure of each round that counts, or why there is none.
type sample struct {
	values  []float64
	rounds  []int  // of each value, which round it is of
	asked   int    // rounds that were to be measured; those that were disturbed are not in values
	missing string // why there is no value
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

// paired are the values of two samples in the rounds in which both have one.
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

// over divides round by round. A round in which one of the two is not greater than zero has no ratio: what it measured
// is smaller than what disturbed it.
func (s sample) over(other sample) sample {
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

// enough says whether so many rounds count that a limit can be judged by them: half of those asked for.
func (s sample) enough() bool { return len(s.values) > 0 && 2*len(s.values) >= s.asked }

func (s sample) text(u unit) string {
	if len(s.values) == 0 {
		return cmp.Or(s.missing, unmet)
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
