// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/fletch-trace/fletch/internal/cli"
)

// fish returns a completion for fish, version 3.0 or newer.
func fish(p program) string {
	s := &script{}
	s.line("# fish completion for %s. Made by `make completions`.", p.name())
	s.line("")
	s.line("complete -c %s -f", p.name())
	for i := range p {
		d := &p[i]
		when := ""
		switch {
		case i > 0:
			when = " -n " + fishQuote("__fish_seen_subcommand_from "+subcommand(d))
		case len(p) > 1:
			when = " -n __fish_use_subcommand"
		case d.Operands == cli.ACommand:
			fishBeforeCommand(s, d)
			when = " -n __fletch_before_command_of_" + p.name()
		}
		head := "complete -c " + p.name() + when
		for _, f := range flags(d) {
			s.line("%s%s", head, fishFlag(&f))
		}
		switch d.Operands {
		case cli.Captures:
			s.line("%s -k -a '(__fish_complete_suffix .tar)'", head)
		case cli.ACommand:
			// __fish_complete_subcommand wants a short flag as its first argument.
			s.line("complete -c %s -x -a %s", p.name(),
				fishQuote("(__fish_complete_subcommand "+strings.Join(valueFlags(d), " ")+")"))
		case cli.Subcommand:
			for _, t := range d.Subcommands {
				s.line("%s -a %s -d %s", head, t.Name, fishQuote(t.Text))
			}
		}
	}
	return s.String()
}

// fishFlag returns the arguments of complete for a flag.
func fishFlag(f *cli.Flag) string {
	var b strings.Builder
	if f.Shorthand != "" {
		b.WriteString(" -s " + f.Shorthand)
	}
	b.WriteString(" -l " + f.Name)
	var values []string
	for _, v := range f.Values {
		value := v.Name
		if v.Text != "" && !f.List {
			value += `\t"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`).Replace(v.Text) + `"`
		}
		values = append(values, value)
	}
	switch {
	case f.Placeholder == "":
	case f.Path:
		b.WriteString(" -r -F")
	case len(values) == 0:
		b.WriteString(" -x")
	case f.List:
		b.WriteString(" -x -a " + fishQuote(`(__fish_complete_list , "printf '%s\n' `+strings.Join(values, " ")+`")`))
	default:
		b.WriteString(" -x -a " + fishQuote(strings.Join(values, " ")))
	}
	b.WriteString(" -d " + fishQuote(brief(f.Text)))
	return b.String()
}

// fishBeforeCommand defines a fish function that succeeds while the command line has no COMMAND. The flags after that
// are COMMAND's.
func fishBeforeCommand(s *script, d *cli.Description) {
	s.line(`function __fletch_before_command_of_%s
	set -l value no
	for token in (commandline -opc)[2..-1]
		if test $value = yes
			set value no
			continue
		end
		switch $token
			case %s
				set value yes
			case --
				return 1
			case '-*'
			case '*'
				return 1
		end
	end
end`, d.Name, strings.Join(valueFlags(d), " "))
}

// fishQuote quotes s for fish, where a backslash in single quotes escapes only a quote and itself.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
