// SPDX-License-Identifier: Apache-2.0

package term

import (
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// cells measures as terminals do: wide characters (CJK, emoji) take two columns, combining marks none, and characters
// of ambiguous width one, whatever the locale says, since output is also read on other machines.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// TextWidth is the number of columns that s, which is escaped already, takes on a terminal.
func TextWidth[T string | []byte](s T) int {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return cells.StringWidth(string(s))
		}
	}
	return len(s)
}

// Cut shortens s, which is escaped already, to at most width columns, the last of which then is "…". What a terminal
// shows as one character stays whole. A width of 0 or less leaves s as it is.
func Cut(s string, width int) string {
	if width <= 0 || TextWidth(s) <= width {
		return s
	}
	return cells.Truncate(s, width, "…")
}
