// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"strings"

	"github.com/fletch-trace/fletch/internal/term"
)

// Widths of the help, in columns.
const (
	helpWidth = 80 // that of the smallest common terminal
	indent    = "  "
	// A longer name does not widen the column of names: its text begins on the next line.
	longestFlag    = 23
	longestExample = 39
)

func (f *Flags) writeHelp(w io.Writer) error {
	d := f.Describe()
	h := help{colour: term.ColourOf(w)}
	h.description(&d)
	_, err := io.WriteString(w, h.out.String())
	return err
}

// help writes the help of a command: description, usage, examples, subcommands, flags by section, notes.
type help struct {
	out    strings.Builder
	colour term.Colour
}

func (h *help) description(d *Description) {
	h.text(d.Description, "")
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
		h.terms(d.Subcommands, widest(d.Subcommands, longestFlag))
	}
	h.sections(d.Sections)
	for _, n := range d.Notes {
		margin := ""
		if n.Head != "" {
			h.head(n.Head)
			margin = indent
		} else {
			h.line("")
		}
		h.terms(n.Terms, widest(n.Terms, longestFlag))
		h.text(n.Text, margin)
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

// text writes paragraphs, each line after margin.
func (h *help) text(s, margin string) {
	for i, paragraph := range Paragraphs(s) {
		if i > 0 {
			h.line("")
		}
		for _, line := range wrap(paragraph, helpWidth-len(margin)) {
			h.line(margin + line)
		}
	}
}

// examples writes command lines and their texts in two columns.
func (h *help) examples(list []Example) {
	terms := make([]Term, len(list))
	for i, e := range list {
		terms[i] = Term{strings.ReplaceAll(e.Line, "\n", "\n"+indent), e.Text}
	}
	h.terms(terms, widest(terms, longestExample))
}

// sections writes the flags. The column of texts is the same in all sections.
func (h *help) sections(list []Section) {
	var all [][]Term
	width := 0
	for _, s := range list {
		terms := flagTerms(s.Flags)
		all = append(all, terms)
		width = max(width, widest(terms, longestFlag))
	}
	for i, s := range list {
		h.head(s.Head)
		h.terms(all[i], width)
	}
}

func flagTerms(list []Flag) []Term {
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
			terms[i].Text += " (default" + unbroken + f.Default + ")"
		}
	}
	return terms
}

// widest returns the width of the widest name that is not wider than limit.
func widest(list []Term, limit int) (width int) {
	for _, t := range list {
		if n := term.TextWidth(t.Name); n <= limit {
			width = max(width, n)
		}
	}
	return width
}

// terms writes names and texts in two columns. The text of a name wider than width begins on the next line.
func (h *help) terms(list []Term, width int) {
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

// Paragraphs returns the paragraphs of a text, each as one line.
func Paragraphs(text string) (list []string) {
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			list = append(list, p)
		}
	}
	return list
}

// unbroken is a space that wrap does not break a line at, and replaces by a normal one.
const unbroken = "\u00a0"

// wrap breaks text into lines of at most width columns. Only a longer word makes a longer line.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' || r == '\n' }) {
		word = strings.ReplaceAll(word, unbroken, " ")
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
