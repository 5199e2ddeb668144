//go:build linux

// SPDX-License-Identifier: Apache-2.0

// Bench measures the recorder against what else there is: nothing, BPF programs that do nothing, perf and strace, on the
// same machine, in turn, in the same run. Absolute times swing with the machine; what counts are the ratios.
//
// It has to run as root, in the project's directory. See usage, and BENCHMARKS.md for its last table.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/term"
)

const usageText = `bench compares what record costs with what others cost.

Usage:
    go run ./test/bench [flags]

Examples:
    make bench                                     everything
    go run ./test/bench -r added                   one row
    go run ./test/bench -r 'cpu|bytes' --rounds 9
    go run ./test/bench -r added --sides 'record$|empty'
    go run ./test/bench -r memory --busy 10m       whether memory stays flat

Flags:
    -r, --run REGEXP     only the rows whose name matches; --list names them
        --sides REGEXP   only these sides of them
        --rounds N       how often each side runs each work (default 5); the figures are medians
        --calls N        system calls of the tight loop (default 3000000)
        --busy TIME      how long every CPU is kept busy (default 10s)
        --patience TIME  how long to wait in all until nobody else traces system calls, and to measure again what others
                         disturbed (default 2m)
        --record PATH    measure this recorder (default: build the one of this tree)
        --dir DIR        where the recorders write (default: the directory for temporary files)
        --json           figures of every run, as JSON
        --markdown FILE  write the page of BENCHMARKS.md too
        --list           the rows and what they need
    -h, --help
`

// bench is the running comparison.
type bench struct {
	dir, root, self string
	env             []string
	limit           time.Duration // for one run
	patience        time.Duration // left
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

const minCalls = 200_000 // so that the part that strace gets is still a thousand

type options struct {
	match    string
	sides    string
	rounds   int
	calls    int64
	busy     cli.Time
	patience cli.Time
	record   string
	dir      string
	json     bool
	markdown string
	list     bool
}

func run(args []string, stdout, stderr io.Writer) error {
	opt := options{busy: cli.Time(10 * time.Second), patience: cli.Time(2 * time.Minute)}
	f := cli.NewFlags("bench", usageText)
	f.StringVarP(&opt.match, "run", "r", "", "")
	f.StringVar(&opt.sides, "sides", "", "")
	f.IntVar(&opt.rounds, "rounds", 5, "")
	f.Int64Var(&opt.calls, "calls", 3_000_000, "")
	f.Var(&opt.busy, "busy", "")
	f.Var(&opt.patience, "patience", "")
	f.StringVar(&opt.record, "record", "", "")
	f.StringVar(&opt.dir, "dir", "", "")
	f.BoolVar(&opt.json, "json", false, "")
	f.StringVar(&opt.markdown, "markdown", "", "")
	f.BoolVar(&opt.list, "list", false, "")
	if stop, err := f.Parse(args, stdout); stop || err != nil {
		return err
	}
	match, err := regexp.Compile(opt.match)
	if err != nil {
		return f.Wrong("--run: %w", err)
	}
	only, err := regexp.Compile(opt.sides)
	if err != nil {
		return f.Wrong("--sides: %w", err)
	}
	if opt.rounds < 1 || opt.calls < minCalls || opt.busy.Duration() < time.Second {
		return f.Wrong("it takes 1 round, %d calls and 1 s at least", minCalls)
	}
	var rows []row
	for _, r := range allRows {
		if match.MatchString(r.name) {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return f.Wrong("no row is named like %q", opt.match)
	}
	if opt.list {
		return listRows(rows, stdout)
	}
	if os.Geteuid() != 0 {
		return cli.WithHint(errors.New("recording needs root"), "run it as root, as in: sudo make bench")
	}
	ctx, stop := cli.Interruptible()
	defer stop()
	b, cleanup, err := prepare(ctx, &opt, stderr)
	if err != nil {
		return err
	}
	defer cleanup()
	begun, others := time.Now(), startOthers()
	m, err := describeMachine(ctx, b)
	if err != nil {
		return err
	}
	all, err := b.all(ctx, &opt, rows, only)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	t := table{Machine: m, Began: begun.UTC().Truncate(time.Second), Took: time.Since(begun).Round(time.Second), Others: others(), Rounds: opt.rounds, Runs: all}
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

// prepare makes all that the runs need, and cleanup takes it away.
func prepare(ctx context.Context, opt *options, stderr io.Writer) (b *bench, cleanup func(), err error) {
	b = &bench{rounds: opt.rounds, patience: opt.patience.Duration(), stderr: stderr, limit: 2*time.Minute + 2*opt.busy.Duration()}
	if b.self, err = os.Executable(); err != nil {
		return nil, nil, err
	}
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the project: %w", err)
	}
	b.root = filepath.Dir(strings.TrimSpace(string(mod)))
	if _, err := os.Stat(filepath.Join(b.root, mixedScript)); err != nil {
		return nil, nil, cli.WithHint(err, "run it in the project's directory")
	}
	// Under sudo record gives its files, and COMMAND, to who called it. Here all belongs to root.
	b.env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SUDO_") })
	b.env = append(b.env, "LC_ALL=C")
	if b.dir, err = os.MkdirTemp(opt.dir, "fletch-bench-"); err != nil {
		return nil, nil, err
	}
	undo := []func(){func() { os.RemoveAll(b.dir) }}
	cleanup = func() {
		for _, f := range undo {
			f()
		}
	}
	if opt.record == "" {
		opt.record = filepath.Join(b.dir, "record")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", opt.record, "./cmd/record")
		build.Dir = b.root
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			cleanup()
			return nil, nil, fmt.Errorf("building record: %w\n%s", err, out)
		}
	} else if opt.record, err = filepath.Abs(opt.record); err != nil {
		cleanup()
		return nil, nil, err
	}
	unmount, err := mountTracing()
	if err != nil {
		cli.Warn(stderr, "bench", err.Error())
	}
	undo = append(undo, unmount)
	return b, cleanup, nil
}

// results are all that was measured: by work, by side, a run for each round. A side that could not run has none, and says
// why in missing.
type results struct {
	Works   map[string]map[string][]*trial `json:"works"`
	Missing map[string]string              `json:"missing"` // by side
}

// all runs what the rows need, the sides of a work in turn, in another order each round.
func (b *bench) all(ctx context.Context, opt *options, rows []row, only *regexp.Regexp) (results, error) {
	all := results{map[string]map[string][]*trial{}, map[string]string{}}
	byName := map[string]*side{}
	var order []string
	for _, s := range sides(opt.record) {
		byName[s.name] = s
		order = append(order, s.name)
	}
	var now atomic.Pointer[string]
	say := func(s string) { now.Store(&s) }
	say("")
	begun := time.Now()
	show := func() *term.Progress {
		return term.StartProgress(b.stderr, 0, func(time.Duration) string {
			return term.Duration(time.Since(begun).Round(time.Second)) + "  " + *now.Load()
		})
	}
	p := show()
	defer func() { p.Stop() }()
	for _, w := range works(opt, b.dir) {
		var names []string
		for _, name := range order {
			if slices.ContainsFunc(rows, func(r row) bool { return r.wants(w.name, name) }) {
				names = append(names, name)
			}
		}
		if len(names) == 0 {
			continue
		}
		all.Works[w.name] = map[string][]*trial{}
		rounds := b.rounds
		if w.once {
			rounds = 1
		} else if !w.plain {
			say(w.name + ": once to warm up")
			if _, err := b.measure(ctx, byName[nothing], w); err != nil {
				return all, err
			}
		}
		for round := range rounds {
			for i := range names {
				s := byName[names[(i+round)%len(names)]]
				if !only.MatchString(s.name) {
					all.Missing[s.name] = "left out"
				} else if why := s.missing(); why != "" {
					all.Missing[s.name] = why
				}
				if all.Missing[s.name] != "" {
					continue
				}
				say(fmt.Sprintf("%s, round %d of %d: %s", w.name, round+1, rounds, s.name))
				r, err := b.settled(ctx, s, w)
				if err != nil {
					err = fmt.Errorf("%s, %s: %w", w.name, s.name, err)
					if s.program == "" || s.program == opt.record || ctx.Err() != nil {
						return all, err
					}
					// What the others cannot do is no reason to stop, and is in the table.
					all.Missing[s.name] = "failed"
					p.Stop()
					cli.Warn(b.stderr, "bench", err.Error())
					p = show()
					continue
				}
				all.Works[w.name][s.name] = append(all.Works[w.name][s.name], r)
			}
		}
	}
	return all, nil
}
