// SPDX-License-Identifier: Apache-2.0

// Command gen makes manual pages and completions from what programs and their subcommands print with --help-json.
//
// Usage: gen man|completions DIR PROGRAM...
//
// The files in DIR have the paths that are usual in /usr/share: man/man1, bash-completion/completions,
// zsh/site-functions, fish/vendor_completions.d.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/fletch-trace/fletch/internal/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: gen man|completions DIR PROGRAMS")
	}
	programs := make([]program, len(args)-2)
	for i, path := range args[2:] {
		var err error
		if programs[i], err = describe(path); err != nil {
			return err
		}
	}
	var files map[string]string
	switch args[0] {
	case "man":
		files = manuals(programs)
	case "completions":
		files = completions(programs)
	default:
		return fmt.Errorf("cannot make %q", args[0])
	}
	for name, text := range files {
		path := filepath.Join(args[1], name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// program is the description of a program, followed by those of its subcommands.
type program []cli.Description

func (p program) name() string { return p[0].Name }

// subcommand returns the name of a subcommand without that of its program; "" for the program itself.
func subcommand(d *cli.Description) string {
	_, name, _ := strings.Cut(d.Name, " ")
	return name
}

// script is the text of a completion or a manual page.
type script struct{ strings.Builder }

func (s *script) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// describe runs the program at path for its description and those of its subcommands.
func describe(path string) (program, error) {
	first, err := describeOne(path)
	if err != nil {
		return nil, err
	}
	p := program{first}
	for _, s := range first.Subcommands {
		d, err := describeOne(path, s.Name)
		if err != nil {
			return nil, err
		}
		p = append(p, d)
	}
	return p, nil
}

func describeOne(path string, args ...string) (d cli.Description, err error) {
	cmd := exec.Command(path, append(args, "--help-json")...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &d)
	}
	if err != nil {
		return d, fmt.Errorf("running %s: %w", strings.Join(cmd.Args, " "), err)
	}
	return d, nil
}

func completions(programs []program) map[string]string {
	files := map[string]string{}
	for _, p := range programs {
		files["bash-completion/completions/"+p.name()] = bash(p)
		files["zsh/site-functions/_"+p.name()] = zsh(p)
		files["fish/vendor_completions.d/"+p.name()+".fish"] = fish(p)
	}
	return files
}

// brief returns the beginning of a flag's text, without the details after a colon, a semicolon or a full stop.
func brief(text string) string {
	end := len(text)
	for _, mark := range []string{": ", "; ", ". "} {
		if i := strings.Index(text, mark); i >= 0 {
			end = min(end, i)
		}
	}
	text = text[:end]
	if open := strings.LastIndex(text, " ("); open > strings.LastIndex(text, ")") {
		text = text[:open] // the mark was in brackets, which now are not closed
	}
	return text
}

// flags returns all flags of a command.
func flags(d *cli.Description) (list []cli.Flag) {
	for _, s := range d.Sections {
		list = append(list, s.Flags...)
	}
	return list
}

// spellings returns the ways to write a flag: -n, --rows.
func spellings(f *cli.Flag) []string {
	if f.Shorthand == "" {
		return []string{"--" + f.Name}
	}
	return []string{"-" + f.Shorthand, "--" + f.Name}
}

// valueFlags returns the spellings of all flags that take a value, the short ones first.
func valueFlags(d *cli.Description) []string {
	var short, long []string
	for _, f := range flags(d) {
		if f.Placeholder != "" {
			long = append(long, "--"+f.Name)
			if f.Shorthand != "" {
				short = append(short, "-"+f.Shorthand)
			}
		}
	}
	return append(short, long...)
}
