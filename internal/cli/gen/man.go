// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/fletch-trace/fletch/internal/cli"
)

// manuals returns the pages of all commands, by path.
func manuals(programs []program) map[string]string {
	files := map[string]string{}
	for _, p := range programs {
		for i := range p {
			files["man/man1/"+page(p[i].Name)+".1"] = manual(&p[i], seeAlso(programs, p, i))
		}
	}
	return files
}

// page returns the name of the page of a command.
func page(command string) string { return strings.ReplaceAll(command, " ", "-") }

// seeAlso returns the pages that the page of command i of program p refers to. A program refers to its subcommands, a
// subcommand to its program, and both to the other programs.
func seeAlso(programs []program, p program, i int) (list []string) {
	for j := range p {
		if j != i && (i == 0 || j == 0) {
			list = append(list, page(p[j].Name))
		}
	}
	for _, o := range programs {
		if o.name() != p.name() {
			list = append(list, page(o.name()))
		}
	}
	return list
}

// manual returns a page in the language of man(7).
func manual(d *cli.Description, seeAlso []string) string {
	m := &man{}
	m.line(`.\" Made by "make man" of what %s is made of.`, roff(d.Name+" --help"))
	m.line(`.TH %s 1 "%s" "fletch %s" "fletch"`, roff(strings.ToUpper(page(d.Name))), d.Date, roff(d.Version))
	m.line(".SH NAME")
	m.line(`%s \- %s`, roff(page(d.Name)), roff(d.Summary))
	m.line(".SH SYNOPSIS")
	for i, usage := range d.Usage {
		if i > 0 {
			m.line(".br")
		}
		m.line(`\fB%s\fR %s`, roff(d.Name), placeholders(usage))
	}
	m.line(".SH DESCRIPTION")
	m.text(d.Description, true)
	if len(d.Subcommands) > 0 {
		m.line(".SH COMMANDS")
		m.terms(d.Subcommands)
	}
	m.line(".SH OPTIONS")
	for _, s := range d.Sections {
		if len(d.Sections) > 1 {
			m.line(".SS %s", roff(s.Head))
		}
		m.flags(s.Flags)
	}
	for _, n := range d.Notes {
		m.note(&n)
	}
	if len(d.Examples) > 0 {
		m.line(".SH EXAMPLES")
		m.examples(d.Examples)
	}
	m.line(".SH SEE ALSO")
	for i, name := range seeAlso {
		comma := ","
		if i == len(seeAlso)-1 {
			comma = ""
		}
		m.line(`.BR %s (1)%s`, roff(name), comma)
	}
	return m.String()
}

// man is a page that is being written.
type man struct{ script }

// text writes paragraphs. The first one begins with .PP only if it is not the first thing in its section.
func (m *man) text(s string, first bool) {
	for i, p := range cli.Paragraphs(s) {
		if i > 0 || !first {
			m.line(".PP")
		}
		m.line("%s", roff(p))
	}
}

func (m *man) terms(list []cli.Term) {
	for _, t := range list {
		m.line(".TP\n\\fB%s\\fR\n%s", roff(t.Name), roff(t.Text))
	}
}

func (m *man) flags(list []cli.Flag) {
	for _, f := range list {
		label := `\fB` + roff(strings.Join(spellings(&f), ", ")) + `\fR`
		label = strings.ReplaceAll(label, ", ", `\fR, \fB`)
		if f.Placeholder != "" {
			label += ` \fI` + roff(f.Placeholder) + `\fR`
		}
		text := f.Text
		if f.Default != "" {
			text += " (default " + f.Default + ")"
		}
		m.line(".TP\n%s\n%s", label, roff(text))
	}
}

func (m *man) note(n *cli.Note) {
	head := n.Head
	if head == "" {
		head = "Notes"
	}
	m.line(".SH %s", roff(strings.ToUpper(head)))
	m.terms(n.Terms)
	m.text(n.Text, len(n.Terms) == 0)
}

// examples writes command lines, each after its text.
func (m *man) examples(list []cli.Example) {
	for i, e := range list {
		if i > 0 {
			m.line(".PP")
		}
		if e.Text != "" {
			m.line("%s:", roff(e.Text))
			m.line(".PP")
		}
		m.line(".RS 4\n.nf")
		for l := range strings.Lines(e.Line) {
			m.line("%s", roff(strings.TrimSuffix(l, "\n")))
		}
		m.line(".fi\n.RE")
	}
}

var placeholder = regexp.MustCompile(`[A-Z]{2,}`)

// placeholders sets the placeholders of a usage, which are in capitals, in italics.
func placeholders(usage string) string {
	return placeholder.ReplaceAllString(roff(usage), `\fI$0\fR`)
}

// roff quotes s, which is one line, so that it is printed unchanged: no character is markup, and none is replaced by a
// typographic one that does not work on a command line.
func roff(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case r == '-':
			b.WriteString(`\-`)
		case r == '\'':
			b.WriteString(`\(aq`)
		case r == '^':
			b.WriteString(`\(ha`)
		case r == '~':
			b.WriteString(`\(ti`)
		case r == '`':
			b.WriteString(`\(ga`)
		case r == '"':
			b.WriteString(`\(dq`)
		case r == '.' && i == 0:
			b.WriteString(`\&.`)
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
