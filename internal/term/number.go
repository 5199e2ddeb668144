// SPDX-License-Identifier: Apache-2.0

package term

import (
	"math"
	"strconv"
	"time"
)

// Bytes is n bytes as a person reads it: "512 B", "7.6 KiB", "64 MiB".
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

// Count is n in full with its thousands apart: "12,345,678".
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

// Rate is n per second, with three digits: "950/s", "83.1 M/s". No time gives "-".
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

// Duration is d with three digits in its own unit: "870 ns", "13.2 µs", "4.05 s"; from a minute on "3m07s", "2h05m".
func Duration(d time.Duration) string {
	if d < 0 { // of a damaged or hostile capture; the smallest has no positive counterpart
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
		return with(d/time.Minute, "m") + padded(d%time.Minute/time.Second, "s")
	case d < 48*time.Hour:
		return with(d/time.Hour, "h") + padded(d%time.Hour/time.Minute, "m")
	}
	return with(d/(24*time.Hour), "d") + padded(d%(24*time.Hour)/time.Hour, "h")
}

func with(n time.Duration, unit string) string { return strconv.FormatInt(int64(n), 10) + unit }

func padded(n time.Duration, unit string) string {
	if n < 10 {
		return "0" + with(n, unit)
	}
	return with(n, unit)
}

// digits is a value with three digits that count.
func digits(v float64) string {
	switch {
	case v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
