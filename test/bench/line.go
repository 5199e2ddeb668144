//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// A line is one line of the table: the texts as printed, and the figures behind them.
type line struct {
	What   string  `json:"what"`
	Work   string  `json:"work"`
	Ours   string  `json:"ours"`
	Side   string  `json:"against"` // the other one; "" when ours is held against a number
	Theirs string  `json:"theirs"`
	Ratio  string  `json:"ratio"`
	Reach  string  `json:"reach"`
	Met    string  `json:"met"` // yes, no, on the line, or why it is not known; "" where there is nothing to reach
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

// What a line says of its limit.
const (
	met       = "yes"
	notMet    = "no"
	onTheLine = "on the line"
	unmet     = "not measured"
	tooFew    = "disturbed"
)

// judge holds a sample against the most that it may be: all of its rounds are on one side of that, or it is on the
// line.
func judge(s sample, limit float64) string {
	switch {
	case len(s.values) == 0 && s.missing != tooFew:
		return unmet
	case !s.enough():
		return tooFew
	case slices.Max(s.values) <= limit:
		return met
	case slices.Min(s.values) > limit:
		return notMet
	}
	return onTheLine
}

// ratio compares two samples in the rounds that both have: the median of these rounds' own ratios, and beside it the
// least and the most of them. limit 0: for information only.
func (l line) ratio(mine, theirs sample, limit float64) line {
	ratio := mine.over(theirs)
	if a, b := paired(mine, theirs); len(a.values) > 0 {
		mine, theirs = a, b
	}
	l = l.beside(mine, theirs)
	l.Rounds.Limit, l.Rounds.Ratios = limit, ratio.values
	if len(ratio.values) > 0 {
		l.Ratio = ratio.text(times) + ratio.extent(times)
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

var heads = []string{"WHAT", "WORK", "OURS", "AGAINST", "THEIRS", "RATIO", "REACH", "MET"}

func (l line) cells() []string {
	return []string{l.What, l.Work, l.Ours, l.Side, l.Theirs, l.Ratio, l.Reach, l.Met}
}
