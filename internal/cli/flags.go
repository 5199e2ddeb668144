// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Flags is the command line of a program or of one of its subcommands: pflag's set, plus --help and --version. A flag
// is described where it is declared; its help has the name of its value in backquotes, as in "at most `N` events".
type Flags struct {
	*pflag.FlagSet
	command  Command
	sections []section
	values   map[string]values

	help, about, describe bool
}

// section begins with the flag number first.
type section struct {
	head  string
	first int
}

// values is what is known of a flag's value.
type values struct {
	terms []Term
	list  bool
	path  bool
}

// New makes the command line of c. Its flags are declared next, in the order in which they are to be shown.
func New(c Command) *Flags {
	f := &Flags{FlagSet: pflag.NewFlagSet(c.Name, pflag.ContinueOnError), command: c, values: map[string]values{}}
	f.SetOutput(io.Discard)
	f.FlagSet.Usage = func() {}
	f.SortFlags = false
	return f
}

// Section begins a section of flags: those declared from here on. Flags before the first are in one named "Flags".
func (f *Flags) Section(head string) {
	f.sections = append(f.sections, section{head, f.declared()})
}

// OneOf says which values the flag takes, ListOf that it takes several of them, separated by commas. They are shown
// by completion; that no others are taken is up to the program.
func (f *Flags) OneOf(flag string, terms ...Term) { f.values[flag] = values{terms: terms} }

func (f *Flags) ListOf(flag string, terms ...Term) { f.values[flag] = values{terms: terms, list: true} }

// Path says that the flag's value is a file or a directory.
func (f *Flags) Path(flag string) { f.values[flag] = values{path: true} }

// Names makes terms of names alone.
func Names(names ...string) []Term {
	terms := make([]Term, len(names))
	for i, name := range names {
		terms[i].Name = name
	}
	return terms
}

// Or is terms in a sentence: "a, b or c".
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

func (f *Flags) declared() (n int) {
	f.VisitAll(func(*pflag.Flag) { n++ })
	return n
}

// Parse reads args. Where help or the version was asked for, it is printed and stop is true. An error is one of wrong
// use, and says how to get help.
func (f *Flags) Parse(args []string, stdout io.Writer) (stop bool, err error) {
	f.BoolVarP(&f.help, "help", "h", false, "this text")
	f.BoolVar(&f.about, "version", false, "the version")
	f.BoolVar(&f.describe, "help-json", false, "what --help shows, as JSON")
	if err := f.MarkHidden("help-json"); err != nil {
		return false, err
	}
	err = f.FlagSet.Parse(args)
	switch {
	case f.help, errors.Is(err, pflag.ErrHelp):
		return true, f.writeHelp(stdout)
	case f.about:
		_, err = fmt.Fprintln(stdout, About(f.program()))
		return true, err
	case f.describe:
		return true, json.NewEncoder(stdout).Encode(f.Describe())
	case err != nil:
		return false, f.Wrong("%w", err)
	}
	return false, nil
}

// Describe gives the command with the flags that have been declared, but for those that are hidden.
func (f *Flags) Describe() Description {
	d := Description{Command: f.command, Version: Version(), Date: date()}
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

// Wrong makes an error of wrong use that names the help of this command.
func (f *Flags) Wrong(format string, args ...any) error {
	return WithHint(Usage(format, args...), fmt.Sprintf("see %s --help", f.Name()))
}

func (f *Flags) program() string {
	name, _, _ := strings.Cut(f.Name(), " ")
	return name
}

// version is set by the linker (-X) in a release; a build from a checkout or a module knows its own.
var version string

// Version is this build's version: "v1.2.3", a pseudo-version of the commit, or "devel".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// date is the day of the commit that this is a build of, "" where that is not known.
func date() string {
	info, _ := debug.ReadBuildInfo()
	for i := 0; info != nil && i < len(info.Settings); i++ {
		if s := info.Settings[i]; s.Key == "vcs.time" && len(s.Value) >= len(time.DateOnly) {
			return s.Value[:len(time.DateOnly)]
		}
	}
	return ""
}

// About is the line that --version prints.
func About(program string) string {
	return fmt.Sprintf("%s %s (%s, %s/%s)", program, Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
