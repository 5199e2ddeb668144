// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a flag value in bytes: 4096, 512k, 64MiB, 1.5G. Units are powers of 1024, written k, K, KB or KiB, and so on
// up to T.
type Size int64

// ParseSize parses a size.
func ParseSize(s string) (Size, error) {
	digits := strings.TrimRight(s, "bBiIkKmMgGtT ")
	shift, ok := sizeShift(strings.TrimSpace(s[len(digits):]))
	n, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || n < 0 || strings.ContainsAny(digits, "eExXpPnN_") {
		return 0, fmt.Errorf("%q is not a size such as 512k, 64MiB or 1G", s)
	}
	n *= float64(int64(1) << shift)
	if n >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q is too large", s)
	}
	return Size(n), nil
}

// sizeShift returns the power of two that a unit stands for.
func sizeShift(unit string) (shift uint, ok bool) {
	unit = strings.ToLower(unit)
	if unit == "" || unit == "b" {
		return 0, true
	}
	i := strings.IndexByte("kmgt", unit[0])
	rest := unit[1:]
	return 10 * uint(i+1), i >= 0 && (rest == "" || rest == "b" || rest == "ib")
}

// Set, String and Type implement pflag.Value.
func (s *Size) Set(text string) (err error) { *s, err = ParseSize(text); return err }

func (s *Size) Type() string { return "size" }

func (s *Size) String() string {
	n, unit := int64(*s), 0
	for n != 0 && n%1024 == 0 && unit < 4 {
		n, unit = n/1024, unit+1
	}
	return strconv.FormatInt(n, 10) + [...]string{"", "KiB", "MiB", "GiB", "TiB"}[unit]
}

// Time is a flag value that is a duration: 30s, 5m, 1h30m, 250ms, 2d, 1d12h. A number without a unit is in seconds.
type Time time.Duration

// ParseTime parses a duration. It refuses negative ones.
func ParseTime(s string) (Time, error) {
	invalid := fmt.Errorf("%q is not a time such as 30s, 5m or 1h", s)
	days := int64(0)
	rest := s
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return 0, invalid
		}
		days, rest = int64(n), after
		if rest == "" {
			rest = "0s"
		}
	}
	if _, err := strconv.ParseFloat(rest, 64); err == nil {
		rest += "s"
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > math.MaxInt64/2 {
		return 0, invalid
	}
	return Time(time.Duration(days)*24*time.Hour + d), nil
}

// Set, String and Type implement pflag.Value.
func (t *Time) Set(text string) (err error) { *t, err = ParseTime(text); return err }

func (t *Time) Type() string { return "time" }

func (t *Time) String() string { return time.Duration(*t).String() }

// Duration returns t as a time.Duration.
func (t Time) Duration() time.Duration { return time.Duration(t) }
