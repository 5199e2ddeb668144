// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"slices"
	"strings"
)

// suggestions returns up to 3 names that are similar to an unknown one.
func suggestions(name string, all map[string]kinds) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	limit := 1 + len(name)/4
	for other, kinds := range all {
		if kinds&long != 0 {
			continue
		}
		d := distance(strings.ToLower(name), other)
		if d > limit && len(name) >= 3 && (strings.HasPrefix(other, name) || strings.HasPrefix(name, other)) {
			d = limit
		}
		if d <= limit {
			found = append(found, candidate{other, d})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	var names []string
	for _, f := range found {
		if f.distance == found[0].distance && len(names) < 3 {
			names = append(names, f.name)
		}
	}
	return names
}

// distance is the Levenshtein distance: the number of bytes to add, remove or change.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
