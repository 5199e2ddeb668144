// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/term"
)

// Window is a part of the time of captures. Times are in ns since the Unix epoch.
type Window struct {
	Start    int64 // of the first capture; relative times count from it
	From, To int64 // both included
}

// All reports whether the window has no ends.
func (w Window) All() bool { return w.From == math.MinInt64 && w.To == math.MaxInt64 }

// WindowHelp describes the values of --from for help.
const WindowHelp = "so long after the start (90s, 1m30s), at a time of day (15:04) on a day of the recording, " +
	"or at 2006-01-02T15:04:05Z"

// recording is the time that one capture covers.
type recording struct {
	start, end  time.Time // as recorded; zero: unknown
	first, last int64     // also of events that began before the start; first > last: nothing is known
}

// Window parses --from and --to; "" is no limit. A time without a zone is in this one. It is an error if the window
// has nothing of any capture, because it is then mistaken: nothing would be shown, and it would not be said why.
func (s Set) Window(from, to string, zone *time.Location) (Window, error) {
	w := Window{Start: math.MaxInt64, From: math.MinInt64, To: math.MaxInt64}
	var all []recording
	for _, c := range s {
		r := c.recording()
		if r.first <= r.last {
			all = append(all, r)
			w.Start = min(w.Start, r.startOrFirst())
		}
	}
	var err error
	if from != "" {
		if w.From, err = w.parse("from", from, zone, all, math.MinInt64); err != nil {
			return w, err
		}
	}
	if to != "" {
		if w.To, err = w.parse("to", to, zone, all, w.From); err != nil {
			return w, err
		}
	}
	if w.From > w.To {
		return w, cli.Usage("--from %s is after --to %s", from, to)
	}
	return w, w.meets(all, from, to, zone)
}

// meets returns an error if no recording has any part of the window.
func (w Window) meets(all []recording, from, to string, zone *time.Location) error {
	before, after := true, true
	for _, r := range all {
		before, after = before && w.To < r.first, after && w.From > r.last
		if w.From <= r.last && w.To >= r.first {
			return nil
		}
	}
	if len(all) == 0 || w.All() {
		return nil
	}
	var text string
	switch {
	case before:
		text = fmt.Sprintf("--to %s is before the recording", to)
	case after:
		text = fmt.Sprintf("--from %s is after the recording", from)
	default:
		text = fmt.Sprintf("--from %s --to %s is between the recordings", from, to)
	}
	var spans []string
	for i, r := range all {
		if i == 3 {
			spans = append(spans, "…")
			break
		}
		spans = append(spans, Span(r.start, r.end, zone))
	}
	return cli.WithHint(errors.New(text), "recorded "+strings.Join(spans, "; "))
}

// recording returns the time that c covers.
func (c *Capture) recording() recording {
	r := recording{start: c.Manifest.Start, end: c.Manifest.End, first: math.MaxInt64, last: math.MinInt64}
	if !r.start.IsZero() {
		r.first, r.last = r.start.UnixNano(), r.start.UnixNano()
	}
	if !r.end.IsZero() {
		r.first, r.last = min(r.first, r.end.UnixNano()), max(r.last, r.end.UnixNano())
	}
	for _, t := range c.Tables() {
		for _, b := range t.Blocks() {
			if t.Schema.Event() && b.Rows > 0 {
				r.first, r.last = min(r.first, b.MinTS), max(r.last, b.MaxTS)
			}
		}
	}
	return r
}

// startOrFirst is the start, or if the manifest lacks it, the time of the earliest event.
func (r *recording) startOrFirst() int64 {
	if r.start.IsZero() {
		return r.first
	}
	return r.start.UnixNano()
}

// distance is how far a time is from the recording, 0 if it is in it.
func (r *recording) distance(ns int64) uint64 {
	switch {
	case ns < r.startOrFirst():
		return uint64(r.startOrFirst()) - uint64(ns)
	case ns > r.last:
		return uint64(ns) - uint64(r.last)
	}
	return 0
}

// onDay reports whether a time is on a day, of its zone, of the recording.
func (r *recording) onDay(t time.Time) bool {
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	first, last := time.Unix(0, r.startOrFirst()).In(t.Location()), time.Unix(0, r.last).In(t.Location())
	return day(first) <= day(t) && day(t) <= day(last)
}

// The layouts of times, besides RFC 3339. What they leave out is zero, or the zone of the window.
var (
	zonedLayouts = []string{time.RFC3339, "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05Z07:00"}
	localLayouts = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly}
	clockLayouts = []string{"15:04:05", "15:04"}
)

// parse parses the value of a flag called name. Times of day and durations are relative to the recordings; a time of
// day is, if there is one, in a recording and not before least.
func (w Window) parse(name, text string, zone *time.Location, all []recording, least int64) (int64, error) {
	for _, layout := range zonedLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return nanoseconds(t), nil
		}
	}
	for _, layout := range localLayouts {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return nanoseconds(t), nil
		}
	}
	for _, layout := range clockLayouts {
		if t, err := time.Parse(layout, text); err == nil && len(all) > 0 {
			return nearest(t, zone, all, least), nil
		}
	}
	after, err := cli.ParseTime(text)
	if err != nil {
		return 0, cli.WithHint(cli.Usage("--%s %q is not a time", name, text),
			"use 90s or 1m30s (after the start), 15:04:05.5 (a time of day), or 2006-01-02T15:04:05Z")
	}
	if w.Start > math.MaxInt64-int64(after) {
		return math.MaxInt64, nil
	}
	return w.Start + int64(after), nil
}

// nanoseconds converts a time to ns since the Unix epoch, limited to what an int64 can hold.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Year() < 1678:
		return math.MinInt64
	case t.Year() > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

// maxDays is the longest recording in which times of day are looked for on every day.
const maxDays = 400

// near is how far a time of day may be from a recording on a day on which nothing was recorded.
const near = time.Hour

// nearest returns the time at which a clock in zone showed a time of day: the first one in a recording that is not
// before least, or else the one that is nearest to a recording, on a day of the recording unless it is near. So a time
// just before the start is just before the start, and not on the next day; but 18:00, of a recording at 6:00, is that
// evening, after it, and not the evening before.
func nearest(clock time.Time, zone *time.Location, all []recording, least int64) int64 {
	best, distance := int64(0), uint64(math.MaxUint64)
	consider := func(t time.Time) {
		ns := t.UnixNano()
		for _, r := range all {
			d := r.distance(ns)
			if d > uint64(near) && !r.onDay(t) {
				continue
			}
			if d == 0 && ns < least {
				d = 1
			}
			if d < distance || d == distance && ns < best {
				best, distance = ns, d
			}
		}
	}
	for _, r := range all {
		day := time.Unix(0, r.startOrFirst()).In(zone).AddDate(0, 0, -1)
		for n := 0; n < maxDays && (n < 3 || day.AddDate(0, 0, -2).UnixNano() <= r.last); n++ {
			at := time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), clock.Second(),
				clock.Nanosecond(), zone)
			for _, again := range []time.Duration{-time.Hour, 0, time.Hour} { // a clock that is set back shows it twice
				if t := at.Add(again); again == 0 || t.Hour() == at.Hour() && t.Minute() == at.Minute() {
					consider(t)
				}
			}
			day = day.AddDate(0, 0, 1)
		}
	}
	return best
}

// TimeLayout is the layout of times for people.
const TimeLayout = "2006-01-02 15:04:05.000 -0700"

// Span formats a time span for people: begin and end in a zone, and duration. A zero time is unknown.
func Span(start, end time.Time, zone *time.Location) string {
	switch {
	case start.IsZero():
		return "at an unknown time"
	case end.IsZero():
		return "from " + start.In(zone).Format(TimeLayout)
	}
	start, end = start.In(zone), end.In(zone)
	until := "15:04:05.000"
	_, before := start.Zone()
	if _, after := end.Zone(); before != after || start.Format(time.DateOnly) != end.Format(time.DateOnly) {
		until = TimeLayout
	}
	return fmt.Sprintf("%s to %s (%s)", start.Format(TimeLayout), end.Format(until), term.Duration(end.Sub(start)))
}
