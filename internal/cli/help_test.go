// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

var formats = []Term{{"csv", ""}, {"json", "an object a line"}, {"arrow", ""}}

// everything is a command that uses every feature of the help.
func everything() *Flags {
	f := New(Command{
		Name: "record", Summary: "record what happens",
		Description: `Records
what happens.

A second paragraph that is longer than the eighty columns which a terminal has at least, so it is broken.`,
		Usage: []string{"[flags] [-- COMMAND ARG...]", "--list"},
		Examples: []Example{
			{"record", "everything"},
			{"record -- make", ""},
			{"record --last 60s \\\n    --trigger 'op == \"exit\"'", "the last minute, when something has ended"},
		},
		Subcommands: []Term{{"info", "what it is"}},
		Notes: []Note{
			{Head: "Exit status", Terms: []Term{{"0", "done"}, {"1", "failed"}}, Text: "With COMMAND it is COMMAND's."},
			{Text: "Needs root."},
		},
	})
	var size Size
	var wait = Time(600e9)
	f.Section("What")
	f.StringSliceP("events", "e", nil, "event families, a `LIST` of process, syscall")
	f.ListOf("events", Names("process", "syscall")...)
	f.StringSlice("by", []string{"name", "comm"}, "group by `LIST`")
	f.Var(&size, "size-of-each-segment", "begin a new segment when it is larger than `SIZE`, all "+
		"tables together, wherever it is")
	f.Section("How")
	f.Var(&wait, "wait", "wait for `TIME`")
	f.StringP("format", "f", "日本語", "write `FORMAT`: "+Or(formats...))
	f.OneOf("format", formats...)
	f.StringP("write", "w", "", "into `PATH`")
	f.Path("write")
	f.Int("hidden", 0, "")
	f.Lookup("hidden").Hidden = true
	f.BoolP("quiet", "q", false, "say nothing")
	return f
}

const everythingHelp = `Records what happens.

A second paragraph that is longer than the eighty columns which a terminal has
at least, so it is broken.

Usage:
  record [flags] [-- COMMAND ARG...]
  record --list

Examples:
  record          everything
  record -- make
  record --last 60s \
      --trigger 'op == "exit"'
                  the last minute, when something has ended

Commands:
  info  what it is

What:
  -e, --events LIST    event families, a LIST of process, syscall
      --by LIST        group by LIST (default name,comm)
      --size-of-each-segment SIZE
                       begin a new segment when it is larger than SIZE, all
                       tables together, wherever it is

How:
      --wait TIME      wait for TIME (default 10m)
  -f, --format FORMAT  write FORMAT: csv, json (an object a line) or arrow
                       (default 日本語)
  -w, --write PATH     into PATH
  -q, --quiet          say nothing
  -h, --help           this text
      --version        the version

Exit status:
  0  done
  1  failed
  With COMMAND it is COMMAND's.

Needs root.
`

func TestHelp(t *testing.T) {
	var stdout bytes.Buffer
	if stop, err := everything().Parse([]string{"--help"}, &stdout); !stop || err != nil {
		t.Fatal(stop, err)
	}
	if got := stdout.String(); got != everythingHelp {
		t.Errorf("got\n%s\nwant\n%s", got, everythingHelp)
	}
	if strings.Contains(stdout.String(), "\x1b") {
		t.Error("colours text for a buffer")
	}
}

// --help-json prints the description without loss.
func TestDescribe(t *testing.T) {
	var stdout bytes.Buffer
	if stop, err := everything().Parse([]string{"--help-json"}, &stdout); !stop || err != nil {
		t.Fatal(stop, err)
	}
	var got Description
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := []Section{
		{"What", []Flag{
			{Name: "events", Shorthand: "e", Placeholder: "LIST", Text: "event families, a LIST of process, syscall",
				Values: Names("process", "syscall"), List: true},
			{Name: "by", Placeholder: "LIST", Text: "group by LIST", Default: "name,comm"},
			{Name: "size-of-each-segment", Placeholder: "SIZE",
				Text: "begin a new segment when it is larger than SIZE, all tables together, wherever it is"},
		}},
		{"How", []Flag{
			{Name: "wait", Placeholder: "TIME", Text: "wait for TIME", Default: "10m"},
			{Name: "format", Shorthand: "f", Placeholder: "FORMAT",
				Text:    "write FORMAT: csv, json (an object a line) or arrow",
				Default: "日本語", Values: formats},
			{Name: "write", Shorthand: "w", Placeholder: "PATH", Text: "into PATH", Path: true},
			{Name: "quiet", Shorthand: "q", Text: "say nothing"},
			{Name: "help", Shorthand: "h", Text: "this text"},
			{Name: "version", Text: "the version"},
		}},
	}
	if !reflect.DeepEqual(got.Sections, want) {
		t.Errorf("got  %+v\nwant %+v", got.Sections, want)
	}
	if !reflect.DeepEqual(got.Command, everything().command) {
		t.Errorf("got  %+v\nwant %+v", got.Command, everything().command)
	}
}

// The flags of a command without sections are in one section.
func TestFlagsWithoutSection(t *testing.T) {
	var stdout bytes.Buffer
	f := New(Command{Name: "x", Description: "Y.", Usage: []string{""}})
	if _, err := f.Parse([]string{"-h"}, &stdout); err != nil {
		t.Fatal(err)
	}
	const want = "Y.\n\nUsage:\n  x\n\nFlags:\n  -h, --help     this text\n      --version  the version\n"
	if stdout.String() != want {
		t.Errorf("got %q, want %q", stdout.String(), want)
	}
}
