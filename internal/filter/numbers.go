// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"math"
	"slices"
)

// numbers is a set of integers: those from lo to hi, both included, or if values is not nil only those. values is
// sorted; lo and hi are its first and last.
type numbers struct {
	lo, hi int64
	values []int64
}

func (n *numbers) has(x int64) bool {
	if x < n.lo || x > n.hi {
		return false
	}
	if n.values == nil {
		return true
	}
	_, ok := slices.BinarySearch(n.values, x)
	return ok
}

func (n *numbers) empty() bool { return n.lo > n.hi }

func (n *numbers) full() bool {
	return n.lo == math.MinInt64 && n.hi == math.MaxInt64 && n.values == nil
}

// compareNumber returns the integers x for which x op v holds; op is not !=.
func compareNumber(op string, v value) *numbers {
	const least, most = math.MinInt64, math.MaxInt64
	if !v.exact {
		// v is a float: compare with the integer below or above it.
		const limit = 1 << 63 // integers are below limit and not below -limit
		down, up := math.Floor(v.f), math.Ceil(v.f)
		switch {
		case op == "==" && (down != up || v.f >= limit || v.f < -limit):
			return &numbers{lo: 1, hi: 0}
		case v.f >= limit || v.f < -limit:
			if (v.f > 0) == (op == "<" || op == "<=") {
				return &numbers{lo: least, hi: most}
			}
			return &numbers{lo: 1, hi: 0}
		case down != up && (op == "<" || op == "<="):
			return &numbers{lo: least, hi: int64(down)}
		case down != up: // up fits into 64 bits, because floats near the limit have no fraction
			return &numbers{lo: int64(up), hi: most}
		}
		v.i = int64(v.f)
	}
	switch op {
	case "==":
		return &numbers{lo: v.i, hi: v.i}
	case "<=":
		return &numbers{lo: least, hi: v.i}
	case ">=":
		return &numbers{lo: v.i, hi: most}
	case "<":
		if v.i == least {
			return &numbers{lo: 1, hi: 0}
		}
		return &numbers{lo: least, hi: v.i - 1}
	}
	if v.i == most {
		return &numbers{lo: 1, hi: 0}
	}
	return &numbers{lo: v.i + 1, hi: most}
}

// oneOf returns the set of these numbers. It sorts values.
func oneOf(values []int64) *numbers {
	slices.Sort(values)
	values = slices.Compact(values)
	n := len(values)
	if n == 0 {
		return &numbers{lo: 1, hi: 0}
	}
	if uint64(values[n-1])-uint64(values[0]) == uint64(n-1) { // no gaps
		return &numbers{lo: values[0], hi: values[n-1]}
	}
	return &numbers{lo: values[0], hi: values[n-1], values: values}
}
