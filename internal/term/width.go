// SPDX-License-Identifier: Apache-2.0

package term

import (
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// cells measures text as terminals do: wide characters (CJK, emoji) take two columns, and combining marks none.
// Characters of ambiguous width take one in every locale, because output is also read on other machines.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// TextWidth returns the number of columns that escaped text takes on a terminal.
func TextWidth[T string | []byte](s T) int {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return cells.StringWidth(string(s))
		}
	}
	return len(s)
}

// Cut shortens escaped text to at most width columns. If it has to, the last character becomes "…". A sequence that a
// terminal shows as one character is not divided. A width of 0 or less is no limit.
func Cut(s string, width int) string {
	if width <= 0 || TextWidth(s) <= width {
		return s
	}
	return cells.Truncate(s, width, "…")
}
