// SPDX-License-Identifier: Apache-2.0

package view

import "math"

// quotient is total divided by count, rounded down. It is Unknown if there is nothing to divide, and if the total did
// not fit, because then it is only a lower bound.
func quotient(total, count int64) int64 {
	if count <= 0 || count > 1 && total == math.MaxInt64 {
		return Unknown
	}
	return total / count
}

// Add is the sum of two numbers that are not negative, and the greatest int64 if it does not fit.
func Add(a, b int64) int64 {
	if sum := a + b; sum >= 0 {
		return sum
	}
	return math.MaxInt64
}
