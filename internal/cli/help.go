// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"strings"

	"github.com/fletch-trace/fletch/internal/term"
)

// The help of every program: what it does, usage, examples, flags by section, notes. Heads begin with a capital and end
// with a colon, what is below them is indented by two.
const (
	helpWidth = 80 // columns; a terminal has no fewer
	indent    = "  "
	// A label that is longer than this has a line of its own, and its text begins on the next.
	longestFlag = 23
	longestLine = 39 // of an example
)

func (f *Flags) writeHelp(w io.Writer) error {
	if f.literal != "" {
		_, err := io.WriteString(w, f.literal)
		return err
	}
	d := f.Describe()
	h := help{colour: term.ColourOf(w)}
	h.description(&d)
	_, err := io.WriteString(w, h.out.String())
	return err
}

// help is the text on its way.
type help struct {
	out    strings.Builder
	colour term.Colour
}

func (h *help) description(d *Description) {
	h.text(d.Description)
	h.head("Usage")
	for _, usage := range d.Usage {
		h.line(strings.TrimRight(indent+d.Name+" "+usage, " "))
	}
	if len(d.Examples) > 0 {
		h.head("Examples")
		h.examples(d.Examples)
	}
	if len(d.Subcommands) > 0 {
		h.head("Commands")
		h.terms(d.Subcommands, longestFlag)
	}
	for _, s := range d.Sections {
		h.head(s.Head)
		h.flags(s.Flags)
	}
	for _, n := range d.Notes {
		if n.Head != "" {
			h.head(n.Head)
		} else {
			h.line("")
		}
		h.terms(n.Terms, longestFlag)
		h.text(n.Text)
	}
}

func (h *help) line(s string) {
	h.out.WriteString(s)
	h.out.WriteByte('\n')
}

func (h *help) head(s string) {
	h.line("")
	h.line(h.colour.Bold(s + ":"))
}

// text writes paragraphs.
func (h *help) text(s string) {
	for i, paragraph := range Paragraphs(s) {
		if i > 0 {
			h.line("")
		}
		for _, line := range wrap(paragraph, helpWidth) {
			h.line(line)
		}
	}
}

// examples have their texts in a column of their own, unless a command line does not leave enough room for it.
func (h *help) examples(list []Example) {
	terms := make([]Term, len(list))
	for i, e := range list {
		terms[i] = Term{strings.ReplaceAll(e.Line, "\n", "\n"+indent), e.Text}
	}
	h.terms(terms, longestLine)
}

func (h *help) flags(list []Flag) {
	terms := make([]Term, len(list))
	for i, f := range list {
		terms[i] = Term{"    --" + f.Name, f.Text}
		if f.Shorthand != "" {
			terms[i].Name = "-" + f.Shorthand + ", --" + f.Name
		}
		if f.Placeholder != "" {
			terms[i].Name += " " + f.Placeholder
		}
		if f.Default != "" {
			terms[i].Text += " (default " + f.Default + ")"
		}
	}
	h.terms(terms, longestFlag)
}

// terms writes names and texts in two columns; a name longer than longest has a line of its own.
func (h *help) terms(list []Term, longest int) {
	width := 0
	for _, t := range list {
		if n := term.TextWidth(t.Name); n <= longest {
			width = max(width, n)
		}
	}
	margin := strings.Repeat(" ", len(indent)+width+2)
	for _, t := range list {
		lines := wrap(t.Text, helpWidth-len(margin))
		first := indent + t.Name
		if missing := len(margin) - term.TextWidth(first); len(lines) > 0 && missing >= 2 {
			first, lines = first+strings.Repeat(" ", missing)+lines[0], lines[1:]
		}
		h.line(first)
		for _, line := range lines {
			h.line(margin + line)
		}
	}
}

// Paragraphs are those of a text, each on one line.
func Paragraphs(text string) (list []string) {
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			list = append(list, p)
		}
	}
	return list
}

// wrap breaks text into lines of at most width columns, unless a word is longer.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case term.TextWidth(line)+1+term.TextWidth(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
