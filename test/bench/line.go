//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// line is one line of the table: the texts as printed, and the figures behind them.
type line struct {
	What   string  `json:"what"`
	Work   string  `json:"work"`
	Ours   string  `json:"ours"`
	Side   string  `json:"against"` // the other one; "" if ours is compared with a number
	Theirs string  `json:"theirs"`
	Ratio  string  `json:"ratio"`
	Reach  string  `json:"reach"`
	Met    string  `json:"met"` // yes, no, on the line, or why it is not known; "" without a limit
	Rounds figures `json:"rounds"`
	unit   unit
}

// figures are the numbers of a line, each by round.
type figures struct {
	Ours   []float64 `json:"ours,omitempty"`
	Theirs []float64 `json:"theirs,omitempty"`
	Ratios []float64 `json:"ratios,omitempty"` // of the two, round by round
	Limit  float64   `json:"limit,omitempty"`  // of ours, or of the ratio
}

// The values of line.Met.
const (
	met         = "yes"
	notMet      = "no"
	onTheLine   = "on the line"
	notMeasured = "not measured"
	tooFew      = "disturbed"
)

// judge compares a sample with its limit: the limit is met or not if that is so in all rounds, and otherwise the sample
// is on the line.
func judge(s sample, limit float64) string {
	switch {
	case len(s.values) == 0 && s.missing != tooFew:
		return notMeasured
	case !s.enough():
		return tooFew
	case slices.Max(s.values) <= limit:
		return met
	case slices.Min(s.values) > limit:
		return notMet
	}
	return onTheLine
}

// ratio compares two samples in the rounds that both have: it shows the median of the ratios of these rounds, and their
// range. A limit of 0 means none: the ratio is only shown.
func (l line) ratio(mine, theirs sample, limit float64) line {
	ratio := mine.ratioTo(theirs)
	if a, b := paired(mine, theirs); len(a.values) > 0 {
		mine, theirs = a, b
	}
	l = l.show(mine, theirs)
	l.Rounds.Limit, l.Rounds.Ratios = limit, ratio.values
	if len(ratio.values) > 0 {
		l.Ratio = ratio.text(times) + ratio.rangeText(times)
	}
	if limit > 0 {
		l.Reach = "≤ " + times(limit) + " ×"
		l.Met = judge(ratio, limit)
	}
	return l
}

// limit compares a sample with a number that it must not exceed.
func (l line) limit(mine sample, limit float64) line {
	l.Ours, l.Reach, l.Met = mine.text(l.unit)+mine.rangeText(l.unit), "≤ "+l.unit(limit), judge(mine, limit)
	l.Rounds = figures{Ours: mine.values, Limit: limit}
	return l
}

// show shows two samples without a ratio and a limit.
func (l line) show(mine, theirs sample) line {
	l.Ours, l.Theirs = mine.text(l.unit), theirs.text(l.unit)
	l.Rounds = figures{Ours: mine.values, Theirs: theirs.values}
	return l
}

var heads = []string{"WHAT", "WORK", "OURS", "AGAINST", "THEIRS", "RATIO", "REACH", "MET"}

func (l line) cells() []string {
	return []string{l.What, l.Work, l.Ours, l.Side, l.Theirs, l.Ratio, l.Reach, l.Met}
}
