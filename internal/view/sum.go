// SPDX-License-Identifier: Apache-2.0

package view

import "math"

// Add is the sum of two numbers that are not negative, and the greatest int64 if it does not fit.
func Add(a, b int64) int64 {
	if sum := a + b; sum >= 0 {
		return sum
	}
	return math.MaxInt64
}
