//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Bench compares the recorder with no recorder, with BPF programs that do nothing, with perf and with strace, on the
// same machine and interleaved. Absolute times vary with the machine; the ratios count.
//
// It must run as root, in the project's directory. See its --help, and BENCHMARKS.md for its last table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/term"
)

var description = cli.Command{
	Name:        "bench",
	Description: "Compares what record costs with what others cost.",
	Usage:       []string{"[flags]"},
	Examples: []cli.Example{
		{Line: "make bench", Text: "everything"},
		{Line: "go run ./test/bench -r added", Text: "one row"},
		{Line: "go run ./test/bench -r 'cpu|bytes' --rounds 9", Text: "two rows, longer"},
		{Line: "go run ./test/bench -r added --sides 'record$|empty'", Text: "two sides of a row"},
		{Line: "go run ./test/bench -r memory --busy 10m", Text: "whether memory stays flat"},
	},
}

// bench is the running comparison.
type bench struct {
	dir, root, self string
	version         string // the tree's commit
	dirty           bool   // it has changes that are in no commit
	env             []string
	limit           time.Duration // for one run
	patience        time.Duration // time left for waiting for others and repeating runs
	rounds          int
	stderr          io.Writer
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "load" {
		if err := load(os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "bench: load: %v\n", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(cli.Exit(os.Stderr, "bench", run(os.Args[1:], os.Stdout, os.Stderr)))
}

const minCalls = 200_000 // so that strace, which gets one in 200, gets a thousand

type options struct {
	match    string
	sides    string
	rounds   int
	calls    int64
	busy     cli.Time
	patience cli.Time
	record   string
	dirty    bool
	dir      string
	json     bool
	markdown string
	list     bool
	only     *regexp.Regexp // of sides
}

// flags declares the command line.
func (opt *options) flags() *cli.Flags {
	f := cli.New(description)
	f.StringVarP(&opt.match, "run", "r", "", "only the rows whose name matches `REGEXP`; --list names them")
	f.StringVar(&opt.sides, "sides", "", "only those sides of them that match `REGEXP`")
	f.IntVar(&opt.rounds, "rounds", 5, "each side runs each work `N` times; the figures are medians, ratios "+
		"those of the rounds' own")
	f.Int64Var(&opt.calls, "calls", 3_000_000, "`N` system calls in the tight loop")
	f.Var(&opt.busy, "busy", "every CPU is kept busy for `TIME`")
	f.Var(&opt.patience, "patience",
		"wait for `TIME` in all until nobody else traces system calls, and to measure again "+
			"what others disturbed")
	f.StringVar(&opt.record, "record", "", "measure the recorder at `PATH` (default: build the one of this tree)")
	f.BoolVar(&opt.dirty, "dirty", false, "measure a tree with changes that are in no commit, and say so")
	f.StringVar(&opt.dir, "dir", "", "the recorders write into `DIR` (default: the directory for temporary files)")
	f.BoolVar(&opt.json, "json", false, "figures of every run, as JSON")
	f.StringVar(&opt.markdown, "markdown", "", "write the page of BENCHMARKS.md into `FILE` too")
	f.BoolVar(&opt.list, "list", false, "the rows and what they need")
	return f
}

func run(args []string, stdout, stderr io.Writer) error {
	opt, rows, stop, err := parse(args, stdout)
	if stop || err != nil {
		return err
	}
	if opt.list {
		return listRows(rows, stdout)
	}
	if os.Geteuid() != 0 {
		return cli.WithHint(errors.New("recording needs root"), "run it as root, as in: sudo make bench")
	}
	ctx, cancel := cli.Interruptible()
	defer cancel()
	b, cleanup, err := prepare(ctx, opt, stderr)
	if err != nil {
		return err
	}
	defer cleanup()
	begun, others := time.Now(), startOthers()
	m, err := describeMachine(ctx, b)
	if err != nil {
		return err
	}
	all, err := b.all(ctx, opt, rows)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	t := table{Machine: m, Dirty: b.dirty, Began: begun.UTC().Truncate(time.Second),
		Took:   time.Since(begun).Round(time.Second),
		Others: others(), Rounds: opt.rounds, Runs: all}
	for _, r := range rows {
		t.Lines = append(t.Lines, r.lines(all)...)
	}
	if opt.markdown != "" {
		if err := os.WriteFile(opt.markdown, t.markdown(args), 0o644); err != nil {
			return err
		}
	}
	if opt.json {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(t)
	}
	return t.text(stdout)
}

// parse returns the options on the command line, and the rows that they select. stop means that help was printed.
func parse(args []string, stdout io.Writer) (opt *options, rows []row, stop bool, err error) {
	opt = &options{busy: cli.Time(10 * time.Second), patience: cli.Time(10 * time.Minute)}
	f := opt.flags()
	if stop, err := f.Parse(args, stdout); stop || err != nil {
		return nil, nil, stop, err
	}
	match, err := regexp.Compile(opt.match)
	if err != nil {
		return nil, nil, false, f.Wrong("--run: %w", err)
	}
	if opt.only, err = regexp.Compile(opt.sides); err != nil {
		return nil, nil, false, f.Wrong("--sides: %w", err)
	}
	if opt.rounds < 1 || opt.calls < minCalls || opt.busy.Duration() < time.Second {
		return nil, nil, false, f.Wrong("it takes 1 round, %d calls and 1 s at least", minCalls)
	}
	for _, r := range allRows {
		if match.MatchString(r.name) {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return nil, nil, false, f.Wrong("no row is named like %q", opt.match)
	}
	return opt, rows, false, nil
}

func listRows(rows []row, stdout io.Writer) error {
	t := term.NewTable("ROW", "WORK", "SIDES")
	for _, r := range rows {
		name := r.name
		for _, n := range r.needs {
			t.Row(name, n.work, strings.Join(n.sides, ", "))
			name = ""
		}
	}
	return t.Write(stdout, "")
}
