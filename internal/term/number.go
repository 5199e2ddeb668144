// SPDX-License-Identifier: Apache-2.0

package term

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Bytes formats n bytes, from 1 KiB on with three digits: "512 B", "7.60 KiB", "64.0 MiB".
func Bytes(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, unit := float64(n), -1
	for value >= 1024 && unit < 5 {
		value, unit = value/1024, unit+1
	}
	return digits(value) + " " + string("KMGTPE"[unit]) + "iB"
}

// Count formats n with thousands separators: "12,345,678".
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := 0
	if n < 0 {
		sign = 1
	}
	for i := len(s) - 3; i > sign; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Counted formats n and a noun: "1 row", "12,345 rows".
func Counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Count(n) + " " + noun
}

// Rate formats n in a time of d as a number per second, with three digits: "950/s", "83.1 M/s". It is "-" if d is not
// positive.
func Rate(n int64, d time.Duration) string {
	if d <= 0 {
		return "-"
	}
	value, unit := float64(n)/d.Seconds(), 0
	for value >= 999.5 && unit < 4 {
		value, unit = value/1000, unit+1
	}
	return digits(value) + [...]string{"/s", " k/s", " M/s", " G/s", " T/s"}[unit]
}

// Duration formats d with three digits, "870 ns", "13.2 µs", "4.05 s", and from a minute on with two units, "3m07s",
// "2h05m", "3d01h".
func Duration(d time.Duration) string {
	if d < 0 { // in a damaged or hostile capture; -math.MinInt64 would overflow
		return "-" + Duration(-max(d, -math.MaxInt64))
	}
	switch {
	case d < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + " ns"
	case d < 999500*time.Nanosecond:
		return digits(float64(d)/1e3) + " µs"
	case d < 999500*time.Microsecond:
		return digits(float64(d)/1e6) + " ms"
	case d < time.Minute:
		return digits(d.Seconds()) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// digits formats a value with three significant digits, or more if it is 1000 or greater.
func digits(v float64) string {
	switch {
	case v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
