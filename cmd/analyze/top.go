// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
)

// top gives the n entries of list with the greatest values; those that are equal come as order has them.
func top[T any](list []T, n int, value func(T) int64, order func(a, b T) int) []T {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b T) int { return cmp.Or(cmp.Compare(value(b), value(a)), order(a, b)) })
	return list[:min(n, len(list)):min(n, len(list))]
}
