// SPDX-License-Identifier: Apache-2.0

package term

import (
	"io"
	"os"

	"golang.org/x/term"
)

// IsTerminal reports whether w is a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Width returns the number of columns of the terminal w, or 0, which is no limit, if w is not a terminal.
func Width(w io.Writer) int {
	if !IsTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Colour says whether text for one writer is coloured.
type Colour bool

// ColourOf is true if w is a terminal that has colour, and NO_COLOR (https://no-color.org) is not set.
func ColourOf(w io.Writer) Colour {
	return Colour(os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && IsTerminal(w))
}

// The styles are readable on dark and on light backgrounds.
func (c Colour) Bold(s string) string   { return c.style("1", s) }
func (c Colour) Dim(s string) string    { return c.style("2", s) }
func (c Colour) Red(s string) string    { return c.style("31", s) }
func (c Colour) Green(s string) string  { return c.style("32", s) }
func (c Colour) Yellow(s string) string { return c.style("33", s) }

func (c Colour) style(code, s string) string {
	if !c {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
