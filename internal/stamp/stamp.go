// SPDX-License-Identifier: Apache-2.0

// Package stamp formats timestamps. It is faster than package time where timestamps come in order, because it formats
// all but the nanoseconds only when the second changes.
package stamp

import (
	"strconv"
	"time"
)

// Format formats nanoseconds since the Unix epoch in one layout. It is not safe for concurrent use.
type Format struct {
	layout, suffix string
	zone           *time.Location

	// The text around the nanoseconds, of the last timestamp.
	second        int64
	before, after []byte
}

// New makes a format for timestamps in zone: layout, a layout of package time that ends with the seconds; a point and
// nine digits; and suffix, another layout, such as "Z07:00".
func New(layout, suffix string, zone *time.Location) *Format {
	return &Format{layout: layout, suffix: suffix, zone: zone}
}

// RFC3339 makes a format like "2006-01-02T15:04:05.000000000Z". It always has nine digits, so that the order of texts
// is the order of time.
func RFC3339() *Format { return New("2006-01-02T15:04:05", "Z07:00", time.UTC) }

// Append appends ns, in nanoseconds since the Unix epoch.
func (f *Format) Append(dst []byte, ns int64) []byte {
	second, rest := ns/1e9, ns%1e9
	if rest < 0 {
		second, rest = second-1, rest+1e9
	}
	if second != f.second || f.before == nil {
		t := time.Unix(second, 0).In(f.zone)
		f.second = second
		f.before = append(t.AppendFormat(f.before[:0], f.layout), '.')
		f.after = t.AppendFormat(f.after[:0], f.suffix)
	}
	return append(Fraction(append(dst, f.before...), rest, 9), f.after...)
}

// Seconds appends ns nanoseconds as seconds: "-1.500000". It has 1 to 9 digits after the point, and truncates the rest.
func Seconds(dst []byte, ns int64, digits int) []byte {
	n := uint64(ns)
	if ns < 0 {
		dst, n = append(dst, '-'), -n
	}
	dst = strconv.AppendUint(dst, n/1e9, 10)
	rest := int64(n % 1e9)
	for range 9 - digits {
		rest /= 10
	}
	return Fraction(append(dst, '.'), rest, digits)
}

// Fraction appends n with leading zeros. It has to fit into digits, of which there are at most nine.
func Fraction(dst []byte, n int64, digits int) []byte {
	var text [20]byte
	padded := strconv.AppendUint(text[:0], 1e9+uint64(n), 10) // "1" and nine digits
	return append(dst, padded[10-digits:]...)
}
