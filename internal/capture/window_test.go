// SPDX-License-Identifier: Apache-2.0

package capture_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// recorded makes captures that were recorded at these times, each given as its start and its end.
func recordedAt(t *testing.T, times ...time.Time) capture.Set {
	t.Helper()
	var paths []string
	for i := 0; i < len(times); i += 2 {
		c := fixture.New()
		c.Manifest.Start = times[i]
		c.AddEvent(fixture.Syscall, times[i].Sub(fixture.Start), 0, 0, nil)
		path := filepath.Join(t.TempDir(), "capture")
		if err := c.Write(path, times[i+1].Sub(fixture.Start), nil); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	set, err := capture.Open(t.Context(), paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no time zones: %v", err)
	}
	return z
}

func TestWindow(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	berlin, kolkata := zone(t, "Europe/Berlin"), zone(t, "Asia/Kolkata")
	short := recordedAt(t, at("2026-03-01T17:48:03.5Z"), at("2026-03-01T17:50:00Z"))
	midnight := recordedAt(t, at("2026-03-01T23:50:00Z"), at("2026-03-02T00:20:00Z"))
	small := recordedAt(t, at("2026-03-01T00:10:00Z"), at("2026-03-01T00:20:00Z"))
	days := recordedAt(t, at("2026-03-01T14:00:00Z"), at("2026-03-04T10:00:00Z"))
	// From 2:30 to 2:40 in Berlin, which is an hour later.
	autumn := recordedAt(t, at("2026-10-25T00:30:00Z"), at("2026-10-25T01:40:00Z"))
	two := recordedAt(t, at("2026-03-01T10:00:00Z"), at("2026-03-01T11:00:00Z"), at("2026-03-02T10:00:00Z"),
		at("2026-03-02T11:00:00Z"))
	for _, c := range []struct {
		name     string
		set      capture.Set
		zone     *time.Location
		from, to string
		wantFrom string // "": no limit
		wantTo   string
	}{
		{"all", short, time.UTC, "", "", "", ""},
		{"durations", short, time.UTC, "5s", "1m30s", "2026-03-01T17:48:08.5Z", "2026-03-01T17:49:33.5Z"},
		{"numbers", short, time.UTC, "0", "2.5", "2026-03-01T17:48:03.5Z", "2026-03-01T17:48:06Z"},
		{"days", days, time.UTC, "1d12h", "", "2026-03-03T02:00:00Z", ""},
		{"RFC 3339", short, time.UTC, "2026-03-01T17:49:00Z", "2026-03-01T19:49:30.5+02:00", "2026-03-01T17:49:00Z",
			"2026-03-01T17:49:30.5Z"},
		{"as info prints it", short, berlin, "2026-03-01 17:49:00.000 +0000", "2026-03-01 18:49:30",
			"2026-03-01T17:49:00Z", "2026-03-01T17:49:30Z"},
		{"a date", days, time.UTC, "2026-03-02", "2026-03-03", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"},

		{"in it", short, time.UTC, "17:49:00", "17:49:30.5", "2026-03-01T17:49:00Z", "2026-03-01T17:49:30.5Z"},
		{"just before the start", short, time.UTC, "17:48:00", "", "2026-03-01T17:48:00Z", ""},
		{"just after the end", short, time.UTC, "17:48", "17:51", "2026-03-01T17:48:00Z", "2026-03-01T17:51:00Z"},
		{"long before", short, time.UTC, "9:00", "", "2026-03-01T09:00:00Z", ""},
		{"just before the start, on another day", small, time.UTC, "23:30", "", "2026-02-28T23:30:00Z", ""},
		{"just after the end, on another day", midnight, time.UTC, "", "01:10", "", "2026-03-02T01:10:00Z"},
		{"of another zone", short, berlin, "18:49:00", "", "2026-03-01T17:49:00Z", ""},
		{"of a zone with half an hour", short, kolkata, "23:19:00", "", "2026-03-01T17:49:00Z", ""},

		{"before midnight", midnight, time.UTC, "23:55", "", "2026-03-01T23:55:00Z", ""},
		{"after midnight", midnight, time.UTC, "00:10", "", "2026-03-02T00:10:00Z", ""},
		{"around midnight", midnight, time.UTC, "23:55", "00:10", "2026-03-01T23:55:00Z", "2026-03-02T00:10:00Z"},
		{"before it and after it", midnight, time.UTC, "23:45", "00:30", "2026-03-01T23:45:00Z",
			"2026-03-02T00:30:00Z"},

		{"the first of several days", days, time.UTC, "15:00", "16:00", "2026-03-01T15:00:00Z", "2026-03-01T16:00:00Z"},
		{"the next morning", days, time.UTC, "12:00", "13:00", "2026-03-02T12:00:00Z", "2026-03-02T13:00:00Z"},
		{"into the next day", days, time.UTC, "15:00", "13:00", "2026-03-01T15:00:00Z", "2026-03-02T13:00:00Z"},
		{"until after a date", days, time.UTC, "2026-03-03", "13:00", "2026-03-03T00:00:00Z", "2026-03-03T13:00:00Z"},

		{"shown twice", autumn, berlin, "02:35", "", "2026-10-25T00:35:00Z", ""},
		{"shown twice, and only once recorded", autumn, berlin, "02:05", "02:10", "2026-10-25T01:05:00Z",
			"2026-10-25T01:10:00Z"},

		{"two", two, time.UTC, "10:30", "", "2026-03-01T10:30:00Z", ""},
		{"before the first of two", two, time.UTC, "09:00", "", "2026-03-01T09:00:00Z", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := c.set.Window(c.from, c.to, c.zone)
			from, to := int64(math.MinInt64), int64(math.MaxInt64)
			if c.wantFrom != "" {
				from = at(c.wantFrom).UnixNano()
			}
			if c.wantTo != "" {
				to = at(c.wantTo).UnixNano()
			}
			if err != nil || w.From != from || w.To != to {
				t.Errorf("got %v to %v, %v", time.Unix(0, w.From).UTC(), time.Unix(0, w.To).UTC(), err)
			}
		})
	}
	for _, c := range []struct {
		set      capture.Set
		from, to string
		want     string
	}{
		{short, "10m", "", "--from 10m is after the recording"},
		{short, "17:51:00", "", "--from 17:51:00 is after the recording"},
		{short, "", "17:48:00", "--to 17:48:00 is before the recording"},
		{short, "2026-03-02", "2026-03-03", "--from 2026-03-02 is after the recording"},
		{two, "2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z",
			"--from 2026-03-01T12:00:00Z --to 2026-03-01T13:00:00Z is between the recordings"},
		{short, "4000000000s", "", "--from 4000000000s is after the recording"},
	} {
		_, err := c.set.Window(c.from, c.to, time.UTC)
		if err == nil || err.Error() != c.want || cli.IsUsage(err) {
			t.Errorf("%s to %s: got %v, want %s", c.from, c.to, err, c.want)
			continue
		}
		hint := "recorded 2026-03-01 17:48:03.500 +0000 to 17:50:00.000 (1m56s)"
		if len(c.set) == 1 && cli.Hint(err) != hint || len(c.set) == 2 && strings.Count(cli.Hint(err), "; ") != 1 {
			t.Errorf("hint %s", cli.Hint(err))
		}
	}
	for _, c := range [][2]string{{"noon", ""}, {"", "-5s"}, {"2s", "1s"}, {"17:49", "17:48:30"}, {"25:00", ""},
		{"1", "17:48"}} {
		if _, err := short.Window(c[0], c[1], time.UTC); !cli.IsUsage(err) {
			t.Errorf("%s: got %v", c, err)
		}
	}
}

// A time of day that is half a day off is on the day of the recording, whichever day is nearer: so it is an error that
// nothing was recorded then, or nothing after it, instead of all of the recording.
func TestTimeOfDayHalfADayOff(t *testing.T) {
	start := time.Date(2026, 3, 2, 5, 58, 0, 0, time.UTC)
	morning := recordedAt(t, start, start.Add(time.Minute))
	evening := recordedAt(t, start.Add(12*time.Hour+8*time.Minute), start.Add(12*time.Hour+9*time.Minute))
	for _, c := range []struct {
		set            capture.Set
		from, to, want string
	}{
		{morning, "18:00:00", "", "--from 18:00:00 is after the recording"},
		{evening, "", "06:05", "--to 06:05 is before the recording"},
	} {
		if _, err := c.set.Window(c.from, c.to, time.UTC); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// Events may have begun before the recording did: calls in a flight recorder's oldest generation.
func TestWindowOfEventsBeforeTheStart(t *testing.T) {
	c := fixture.New()
	c.AddSyscall(-time.Minute, 0, 1, 0, 0, 2*time.Minute)
	set := capture.Set{write(t, c)}
	w, err := set.Window("2026-03-01 11:59", "2026-03-01 11:59:30", time.UTC)
	if err != nil || w.Start != fixture.At(0) {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := set.Window("", "2026-03-01 11:58", time.UTC); err == nil {
		t.Error("a window before all events")
	}
}

func TestSpan(t *testing.T) {
	start := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	for _, c := range []struct {
		start, end time.Time
		want       string
	}{
		{start, start.Add(5 * time.Second), "2026-03-01 23:59:00.000 +0000 to 23:59:05.000 (5.00 s)"},
		{start, start.Add(90 * time.Second), "2026-03-01 23:59:00.000 +0000 to 2026-03-02 00:00:30.000 +0000 (1m30s)"},
		{start, time.Time{}, "from 2026-03-01 23:59:00.000 +0000"},
		{time.Time{}, start, "at an unknown time"},
	} {
		if got := capture.Span(c.start, c.end, time.UTC); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
