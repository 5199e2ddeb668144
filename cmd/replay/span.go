// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
)

// span is the time span that is played. Times are in ns since the Unix epoch.
type span struct {
	start    int64 // of the first capture; relative times count from it
	from, to int64 // both included
}

func newSpan(o *options, set capture.Set) (span, error) {
	s := span{start: startTime(set), from: math.MinInt64, to: math.MaxInt64}
	var err error
	if o.from != "" {
		if s.from, err = s.parse("from", o.from); err != nil {
			return s, err
		}
	}
	if o.to != "" {
		if s.to, err = s.parse("to", o.to); err != nil {
			return s, err
		}
	}
	if s.from > s.to {
		return s, cli.Usage("--from %s is after --to %s", o.from, o.to)
	}
	return s, nil
}

// startTime returns the start of the earliest capture, or if no manifest has it, the time of the earliest event.
func startTime(set capture.Set) int64 {
	start := int64(math.MaxInt64)
	for _, c := range set {
		if t := c.Manifest.Start; !t.IsZero() {
			start = min(start, t.UnixNano())
		}
	}
	if start != math.MaxInt64 {
		return start
	}
	for _, c := range set {
		for _, t := range c.Tables() {
			for _, b := range t.Blocks() {
				if t.Schema.Event() && b.Rows > 0 {
					start = min(start, b.MinTS)
				}
			}
		}
	}
	return start
}

// parse parses the value of a flag called name, as ns since the Unix epoch. It is an absolute time, a time of day in
// local time within 24 hours from the start, or a duration after the start.
func (s span) parse(name, text string) (int64, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UnixNano(), nil
	}
	if t, err := time.Parse("15:04:05", text); err == nil {
		day := time.Unix(0, s.start)
		at := time.Date(day.Year(), day.Month(), day.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(),
			time.Local)
		if at.Before(day.Truncate(time.Second)) {
			at = at.AddDate(0, 0, 1)
		}
		return at.UnixNano(), nil
	}
	after, err := cli.ParseTime(text)
	if err != nil {
		return 0, cli.WithHint(cli.Usage("--%s %q is not a time", name, text),
			"use 90s or 1m30s (after the start), 15:04:05.5 (the day it began), or 2006-01-02T15:04:05Z")
	}
	return s.start + int64(after), nil
}
