// SPDX-License-Identifier: Apache-2.0

// Package stamp writes moments as text, fast: what stays the same within a second is made once a second.
package stamp

import (
	"strconv"
	"time"
)

// Format writes nanoseconds since the Unix epoch in one layout. It is not safe for concurrent use.
type Format struct {
	layout, suffix string
	zone           *time.Location
	second         int64
	prefix         []byte
	end            []byte
}

// New makes a format of a layout of package time, which ends with the seconds; nine digits follow, and then suffix, a
// layout too (for "Z07:00").
func New(layout, suffix string, zone *time.Location) *Format {
	return &Format{layout: layout, suffix: suffix, zone: zone}
}

// RFC3339 writes "2006-01-02T15:04:05.000000000Z", always with nine digits so that text sorts as time does.
func RFC3339() *Format { return New("2006-01-02T15:04:05", "Z07:00", time.UTC) }

// Append appends the moment ns.
func (f *Format) Append(dst []byte, ns int64) []byte {
	second, rest := ns/1e9, ns%1e9
	if rest < 0 {
		second, rest = second-1, rest+1e9
	}
	if second != f.second || f.prefix == nil {
		t := time.Unix(second, 0).In(f.zone)
		f.second = second
		f.prefix = append(t.AppendFormat(f.prefix[:0], f.layout), '.')
		f.end = t.AppendFormat(f.end[:0], f.suffix)
	}
	return append(Fraction(append(dst, f.prefix...), rest, 9), f.end...)
}

// Seconds appends ns as seconds, with digits behind the point (what is beyond is cut off): "-1.500000".
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

// Fraction appends n, which is not negative, with leading zeros, digits long.
func Fraction(dst []byte, n int64, digits int) []byte {
	var text [20]byte
	padded := strconv.AppendUint(text[:0], 1e9+uint64(n), 10) // "1" and nine digits
	return append(dst, padded[10-digits:]...)
}
