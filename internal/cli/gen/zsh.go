// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/fletch-trace/fletch/internal/cli"
)

// zsh returns a completion function for zsh that uses _arguments, see zshcompsys(1).
func zsh(p program) string {
	s := &script{}
	s.line("#compdef %s", p.name())
	s.line("# zsh completion for %s. Made by `make completions`.", p.name())
	s.line("")
	if len(p) == 1 {
		zshArguments(s, &p[0], "")
		return s.String()
	}
	s.line("local curcontext=$curcontext state line ret=1")
	s.line("typeset -A opt_args")
	s.line("_arguments -s -C : \\")
	for _, f := range flags(&p[0]) {
		s.line("\t%s \\", zshFlag(&f))
	}
	s.line("\t'1:command:->command' \\\n\t'*::argument:->argument' && ret=0")
	s.line("case $state in")
	s.line("command)\n\tlocal -a commands=(")
	for _, t := range p[0].Subcommands {
		s.line("\t\t%s", shellQuote(zshEscape(t.Name, ":")+":"+t.Text))
	}
	s.line("\t)\n\t_describe command commands && ret=0 ;;")
	s.line("argument)\n\tcurcontext=${curcontext%%:*:*}:%s-$words[1]:\n\tcase $words[1] in", p.name())
	for i := range p[1:] {
		s.line("\t%s)", subcommand(&p[i+1]))
		zshArguments(s, &p[i+1], "\t\t")
		s.line("\t\tret=$? ;;")
	}
	s.line("\tesac ;;\nesac\nreturn ret")
	return s.String()
}

func zshArguments(s *script, d *cli.Description, indent string) {
	options := "-s"
	if d.Operands == cli.ACommand {
		options = `-s -S -A "-*"` // flags after COMMAND are COMMAND's
	}
	s.line("%s_arguments %s : \\", indent, options)
	for _, f := range flags(d) {
		s.line("%s\t%s \\", indent, zshFlag(&f))
	}
	if d.Operands == cli.ACommand {
		s.line("%s\t'(-)1:command: _command_names -e' \\\n%[1]s\t'*::arguments: _normal'", indent)
	} else {
		s.line("%s\t'*:capture:_files -g \"*.tar(-.)\"'", indent)
	}
}

// zshFlag returns a flag as an argument of _arguments: exclusions, spellings, text, and the action for its value.
func zshFlag(f *cli.Flag) string {
	var exclude, spelled string
	long := "--" + f.Name
	if f.Placeholder != "" {
		long += "="
	}
	switch {
	case f.Name == "help", f.Name == "version":
		exclude = "(- *)"
	case f.Shorthand != "":
		exclude = "(" + strings.Join(spellings(f), " ") + ")"
	}
	switch {
	case f.Shorthand == "":
		spelled = long
	case f.Placeholder == "":
		spelled = "'{-" + f.Shorthand + "," + long + "}'"
	default:
		spelled = "'{-" + f.Shorthand + "+," + long + "}'"
	}
	value := ""
	if f.Placeholder != "" {
		value = ":" + zshEscape(f.Placeholder, ":") + ":" + zshAction(f)
	}
	text := strings.ReplaceAll(zshEscape(brief(f.Text), "[]"), "'", `'\''`)
	return strings.TrimPrefix("'"+exclude+spelled+"["+text+"]"+value+"'", "''")
}

// zshAction returns the action of _arguments that completes a flag's value.
func zshAction(f *cli.Flag) string {
	var names, described []string
	texts := false
	for _, v := range f.Values {
		names = append(names, v.Name)
		texts = texts || v.Text != ""
		name := zshEscape(v.Name, `: ()"`)
		if v.Text != "" {
			name += `\:"` + zshEscape(strings.ReplaceAll(v.Text, "'", `'\''`), `:"`) + `"`
		}
		described = append(described, name)
	}
	switch {
	case f.Path:
		return "_files"
	case len(names) == 0:
		return " "
	case f.List:
		return "_sequence compadd - " + strings.Join(names, " ")
	case texts:
		return "((" + strings.Join(described, " ") + "))"
	}
	return "(" + strings.Join(names, " ") + ")"
}

// zshEscape puts a backslash before each backslash and each character of special.
func zshEscape(s, special string) string {
	var b strings.Builder
	for _, r := range s {
		if r == '\\' || strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
