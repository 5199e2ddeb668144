// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// Flags is the command line of a program or of one of its subcommands: a FlagSet of pflag, with --help and --version.
// The text of a flag is in its declaration, with the placeholder of its value in backquotes: "at most `N` events".
type Flags struct {
	*pflag.FlagSet
	command  Command
	sections []section
	values   map[string]values // by flag

	help, version, helpJSON bool // flags
}

// section is a section of the help.
type section struct {
	head  string
	first int // index of its first flag, in the order of declaration
}

// values are the fields of Flag that a declaration of pflag does not have.
type values struct {
	terms []Term
	list  bool
	path  bool
}

// New makes the command line of c. The caller declares its flags, in the order in which the help shows them.
func New(c Command) *Flags {
	f := &Flags{FlagSet: pflag.NewFlagSet(c.Name, pflag.ContinueOnError), command: c, values: map[string]values{}}
	f.SetOutput(io.Discard)
	f.FlagSet.Usage = func() {}
	f.SortFlags = false
	return f
}

// Section begins a section of the help, with the flags that are declared next. Flags before the first section are in
// one named "Flags".
func (f *Flags) Section(head string) {
	f.sections = append(f.sections, section{head, f.declared()})
}

// OneOf sets the values that completion offers for a flag. The program has to refuse others.
func (f *Flags) OneOf(flag string, terms ...Term) { f.values[flag] = values{terms: terms} }

// ListOf is OneOf for a flag that takes several values, separated by commas.
func (f *Flags) ListOf(flag string, terms ...Term) { f.values[flag] = values{terms: terms, list: true} }

// Path declares that the flag's value is a file or a directory.
func (f *Flags) Path(flag string) { f.values[flag] = values{path: true} }

// Names returns terms without texts.
func Names(names ...string) []Term {
	terms := make([]Term, len(names))
	for i, name := range names {
		terms[i].Name = name
	}
	return terms
}

// Or formats terms for a sentence: "a, b (its text) or c".
func Or(terms ...Term) string {
	var b strings.Builder
	for i, t := range terms {
		switch {
		case i > 0 && i == len(terms)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(t.Name)
		if t.Text != "" {
			b.WriteString(" (" + t.Text + ")")
		}
	}
	return b.String()
}

// declared returns the number of flags that were declared so far.
func (f *Flags) declared() (n int) {
	f.VisitAll(func(*pflag.Flag) { n++ })
	return n
}

// Parse parses args. If they ask for help or the version, it prints that and stop is true: the program has nothing else
// to do. Errors about args are usage errors with a hint at --help. A closed stdout is an error too, if the command does
// nothing but print.
func (f *Flags) Parse(args []string, stdout io.Writer) (stop bool, err error) {
	f.BoolVarP(&f.help, "help", "h", false, "this text")
	f.BoolVar(&f.version, "version", false, "the version")
	f.BoolVar(&f.helpJSON, "help-json", false, "what --help shows, as JSON")
	if err := f.MarkHidden("help-json"); err != nil {
		return false, err
	}
	err = f.FlagSet.Parse(args)
	asked := f.help || f.version || f.helpJSON || errors.Is(err, pflag.ErrHelp)
	if asked || err == nil && !f.command.Acts {
		if err := CheckOutput(stdout); err != nil {
			return true, err
		}
	}
	switch {
	case f.help, errors.Is(err, pflag.ErrHelp):
		return true, f.writeHelp(stdout)
	case f.version:
		_, err = fmt.Fprintln(stdout, VersionLine(f.program()))
		return true, err
	case f.helpJSON:
		return true, json.NewEncoder(stdout).Encode(f.Describe())
	case err != nil:
		return false, f.Wrong("%w", err)
	}
	return false, nil
}

// Describe returns the command with the flags that were declared, except hidden ones.
func (f *Flags) Describe() Description {
	d := Description{Command: f.command, Version: Build().Version, Date: Build().date()}
	n, next := 0, 0
	f.VisitAll(func(p *pflag.Flag) {
		for ; next < len(f.sections) && f.sections[next].first <= n; next++ {
			d.Sections = append(d.Sections, Section{Head: f.sections[next].head})
		}
		n++
		if p.Hidden {
			return
		}
		if len(d.Sections) == 0 {
			d.Sections = []Section{{Head: "Flags"}}
		}
		last := &d.Sections[len(d.Sections)-1]
		last.Flags = append(last.Flags, f.describeFlag(p))
	})
	return d
}

func (f *Flags) describeFlag(p *pflag.Flag) Flag {
	v := f.values[p.Name]
	flag := Flag{Name: p.Name, Shorthand: p.Shorthand, Values: v.terms, List: v.list, Path: v.path}
	flag.Placeholder, flag.Text = pflag.UnquoteUsage(p)
	if p.NoOptDefVal != "" {
		flag.Placeholder = ""
	}
	switch value := strings.Trim(p.DefValue, "[]"); value {
	case "", "0", "0s", "0%", "false":
	default:
		flag.Default = value
		if strings.HasSuffix(value, "m0s") {
			flag.Default = strings.TrimSuffix(value, "0s")
		}
	}
	return flag
}

// Wrong makes a usage error with a hint at the help of this command.
func (f *Flags) Wrong(format string, args ...any) error {
	return WithHint(Usage(format, args...), fmt.Sprintf("see %s --help", f.Name()))
}

// program returns the name of the program, without that of a subcommand.
func (f *Flags) program() string {
	name, _, _ := strings.Cut(f.Name(), " ")
	return name
}
