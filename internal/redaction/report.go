// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Report says what a redaction changed, or would change.
type Report struct {
	Changed []Change `json:"changed"`
	Dropped []Drop   `json:"dropped"`
	Tables  []Size   `json:"tables"`
}

// newReport is a report of a capture with these changes in its manifest.
func newReport(changes []Change) *Report {
	return &Report{Changed: append([]Change{}, changes...), Dropped: []Drop{}, Tables: []Size{}}
}

// Change is a column in which texts or addresses were replaced, or a field of the manifest.
type Change struct {
	Table    string `json:"table"` // or the name of the manifest
	Column   string `json:"column"`
	Rows     int64  `json:"rows"`
	Replaced int64  `json:"replaced"` // rows
	// From and To are of a row: what was there and what is there now, with x for each letter and 0 for each digit, but
	// for tokens.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// Drop is a table or a column that is left out, because this version does not know what it can tell.
type Drop struct {
	Table  string `json:"table"`
	Column string `json:"column,omitempty"` // "": the whole table
	Rows   int64  `json:"rows"`
}

// Size is a table of the redaction.
type Size struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	Groups int64  `json:"groups"` // different texts and addresses, in all of its columns
}

// tokenForm matches a token.
var tokenForm = regexp.MustCompile(fmt.Sprintf("%s[a-z2-7]{%d}", mark, tokenDigits))

// maskedAround is masked for a text with tokens, which it shows.
func maskedAround(text string) string {
	var b strings.Builder
	end := 0
	for _, at := range tokenForm.FindAllStringIndex(text, -1) {
		b.WriteString(masked(text[end:at[0]]) + text[at[0]:at[1]])
		end = at[1]
	}
	return b.String() + masked(text[end:])
}

// masked returns the shape of a text: x for each letter, 0 for each digit, ? for all else that does not structure it.
func masked(text string) string {
	const longest = 40
	var b strings.Builder
	for _, c := range text {
		switch {
		case b.Len() >= longest:
			return b.String() + "…"
		case unicode.IsLetter(c):
			b.WriteByte('x')
		case unicode.IsDigit(c):
			b.WriteByte('0')
		case strings.ContainsRune("/.:=-_ []()…", c):
			b.WriteRune(c)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}
