// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/internal/cli"
)

func section(flags ...cli.Flag) []cli.Section {
	help := cli.Flag{Name: "help", Shorthand: "h", Text: "this text"}
	return []cli.Section{{Head: "Flags", Flags: append(flags, help)}}
}

// look is a program that uses every feature of completions.
var look = program{
	{Command: cli.Command{Name: "look", Operands: cli.Subcommand, Subcommands: []cli.Term{
		{Name: "into", Text: "a file: it's this"}, {Name: "inside", Text: "more"},
	}}, Sections: section()},
	{Command: cli.Command{Name: "look into", Operands: cli.Captures}, Sections: section(
		cli.Flag{Name: "events", Shorthand: "e", Placeholder: "LIST", Text: "only these: it's a [list]",
			Values: cli.Names("process", "syscall", "file"), List: true},
		cli.Flag{Name: "mechanism", Placeholder: "LIST", Text: "by these",
			Values: cli.Names("file=fentry", "file=kprobe", "tcp=fentry"), List: true},
		cli.Flag{Name: "time", Shorthand: "t", Placeholder: "FORMAT", Text: "as `x`", Values: []cli.Term{
			{Name: "local"}, {Name: "utc", Text: `with "the" date`}, {Name: "unix", Text: "$HOME"},
		}},
		cli.Flag{Name: "rows", Shorthand: "n", Placeholder: "N", Text: "at most"},
		cli.Flag{Name: "quiet", Shorthand: "q", Text: `says \n nothing`},
		cli.Flag{Name: "output", Shorthand: "o", Placeholder: "DIR", Text: "there", Path: true},
	)},
	{Command: cli.Command{Name: "look inside", Operands: cli.Captures},
		Sections: section(cli.Flag{Name: "under", Text: "and there"})},
}

// start is a program that starts a command.
var start = program{{Command: cli.Command{Name: "start", Operands: cli.ACommand}, Sections: look[1].Sections}}

// shell runs a command with arguments and returns the lines that it prints, without empty ones.
func shell(t *testing.T, command []string, args ...string) (lines []string) {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(command[0], append(command[1:], args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s %q: %v\n%s", command[0], args, err, stderr.String())
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

// bashSession does what bash does for a completion at the end of a line. It is called with the completion script,
// COMP_TYPE, the line, and the words of the line. It prints calls of compopt, and then the reply.
const bashSession = `
eval "$1"
COMP_TYPE=$2 COMP_LINE=$3 COMP_POINT=${#3} COMP_WORDBREAKS=$' \t\n"\'><=;|&(:' COLUMNS=60
shift 3
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_command_offset() { COMPREPLY=("command ${COMP_WORDS[*]:$1}"); }
compopt() { echo "compopt $*"; }
spec=$(complete -p "$1")
[[ $spec == *"-o bashdefault -o default"* ]] || echo "not by default: $spec"
spec=${spec##*-F }
${spec% *}
printf '%s\n' "${COMPREPLY[@]}"`

func bashComplete(t *testing.T, kind, script, line string) []string {
	words := regexp.MustCompile(`[=:]|[^ =:]+`).FindAllString(line, -1)
	if strings.HasSuffix(line, " ") || strings.HasSuffix(line, "=") {
		words = append(words, "")
	}
	return shell(t, []string{"bash", "--norc", "-c", bashSession, "bash", script, kind, line}, words...)
}

func TestBashCompletes(t *testing.T) {
	need(t, "bash")
	none, list := "compopt +o default +o bashdefault", "compopt -o nospace"
	all := []string{"--events", "--mechanism", "--time", "--rows", "--quiet", "--output", "--help"}
	for line, want := range map[string][]string{
		"look ":                                    {"into", "inside"},
		"look int":                                 {"into"},
		"look --":                                  {"--help"},
		"look into ":                               {}, // files, by bash itself
		"look into incident":                       {},
		"look into --":                             all,
		"look into x --ti":                         {"--time"},
		"look into x --time ":                      {"local", "utc", "unix"},
		"look into x -t u":                         {"utc", "unix"},
		"look into x --time=ut":                    {"utc"},
		"look into x --time=":                      {"local", "utc", "unix"},
		"look into -e ":                            {list, "process", "syscall", "file"},
		"look into --events pro":                   {list, "process"},
		"look into --events process,":              {list, "process,syscall", "process,file"},
		"look into --events=process,sy":            {list, "process,syscall"},
		"look into --mechanism f":                  {list, "file=fentry", "file=kprobe"},
		"look into --mechanism file=k":             {list, "kprobe"}, // to bash, "k" is the word to complete
		"look into --mechanism=file=":              {list, "fentry", "kprobe"},
		"look into --mechanism file=kprobe,":       {list, "kprobe,file=fentry", "kprobe,tcp=fentry"},
		"look into --mechanism file=kprobe,tcp=fe": {list, "fentry"},
		"look into -n ":                            {none},
		"look into --output ":                      {},
		"look inside --u":                          {"--under"},
		"look inside --events p":                   {}, // not a flag of this command
		"start ":                                   {"command "},
		"start ma":                                 {"command ma"},
		"start -q make -":                          {"command make -"},
		"start -- make --time ":                    {"command make --time "},
		"start --mechanism file=kprobe,tcp=fentry -n 3 make": {"command make"},
		"start --mechanism=file=kprobe make":                 {"command make"},
		"start -q --ti":                                      {"--time"},
		"start -e ":                                          {list, "process", "syscall", "file"},
	} {
		p := look
		if strings.HasPrefix(line, "start") {
			p = start
		}
		if got := bashComplete(t, "9", bash(p), line); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// If bash lists the candidates, they are listed with their texts, and fit the terminal.
func TestBashShowsTexts(t *testing.T) {
	need(t, "bash")
	for line, want := range map[string][]string{
		"look in":            {"into    (a file: it's this)", "inside  (more)"},
		"look into --time=":  {"local", "utc    (with \"the\" date)", "unix   ($HOME)"},
		"look into --q":      {"--quiet"},
		"look into -e f":     {"compopt -o nospace", "file"},
		"look into --e --q ": {},
	} {
		if got := bashComplete(t, "63", bash(look), line); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
	for _, l := range bashComplete(t, "63", bash(look), "look into --") {
		if len(l) >= 60 {
			t.Errorf("longer than the terminal: %q", l)
		}
	}
}

func TestFishCompletes(t *testing.T) {
	need(t, "fish")
	dir := t.TempDir()
	for _, name := range []string{"incident.tar", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	for line, want := range map[string][]string{
		"look ":                             {"inside\tmore", "into\ta file: it's this"},
		"look --h":                          {"--help\tthis text"},
		"look into --ti":                    {"--time\tas `x`"},
		"look into --time u":                {"unix\t$HOME", "utc\twith \"the\" date"},
		"look into --events process,s":      {"process,syscall\tonly these"},
		"look into --mechanism file=k":      {"file=kprobe\tby these"},
		"look into -n ":                     {},
		"look into inc":                     {"incident.tar"},
		"look into --output no":             {"notes.txt"},
		"look into --qu":                    {`--quiet` + "\t" + `says \n nothing`},
		"look inside --u":                   {"--under\tand there"},
		"look inside --ti":                  {},
		"start -e process --ti":             {"--time\tas `x`"},
		"start -e process -q frobnicate --": {},
	} {
		p := look
		if strings.HasPrefix(line, "start") {
			p = start
		}
		got := shell(t, []string{"fish", "--no-config", "-c", `eval "$argv[1]"; complete -C "$argv[2]"`}, fish(p), line)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}
