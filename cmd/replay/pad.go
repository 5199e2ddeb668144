// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/fletch-trace/fletch/internal/term"
)

// pad makes what dst has from `from` on as wide as width, in columns of a terminal.
func pad(dst []byte, from, width int, right bool) []byte {
	missing := width - term.TextWidth(dst[from:])
	for range missing {
		dst = append(dst, ' ')
	}
	if right && missing > 0 {
		copy(dst[from+missing:], slices.Clone(dst[from:len(dst)-missing]))
		for i := range missing {
			dst[from+i] = ' '
		}
	}
	return dst
}
