// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
)

// commandLine joins arguments, in quotes where a shell would need them.
func commandLine(args []string) string {
	quoted := slices.Clone(args)
	for i, arg := range quoted {
		if arg == "" || strings.ContainsAny(arg, " \"'\\$`|&;<>()*?#") {
			quoted[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
