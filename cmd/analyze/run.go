// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/term"
)

const usage = `example:
    analyze info incident
    analyze summary incident
    analyze convert incident -o tables

Answers questions about captures: directories, tars of one, or - for a tar on
standard input. No root and no kernel is needed.

usage:
    analyze COMMAND CAPTURE... [flags]

commands:
    info         what a capture holds, and whether it is complete
    summary      the first screen of an investigation
    syscalls     calls, errors and times of each system call
    files        reads and writes of each file
    tcp          connections, failures and bytes by peer
    processes    who ran what, as a tree
    ipc          who asked for which right to System V objects
    losses       when and where events were lost
    convert      to Parquet, CSV, JSON lines or Arrow

flags:
    -h, --help       this text; of a command with analyze COMMAND --help
        --version    the version
`

// command is one subcommand.
type command struct {
	name string
	run  func(e *env, args []string) error
}

var commands = []command{
	{"info", info},
	{"summary", summary},
	{systemCalls.name, systemCalls.run},
	{files.name, files.run},
	{tcp.name, tcp.run},
	{"processes", processes},
	{ipc.name, ipc.run},
	{"losses", losses},
	{"convert", convert},
}

// env is what a command works with.
type env struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
}

// scan reads a table of a capture, and shows how far that is.
func (e *env) scan(c *capture.Capture, table string, columns []format.Column, p *filter.Program) *capture.Scan {
	return &capture.Scan{Capture: c, Table: table, Columns: columns, Filter: p, Progress: e.progress}
}

// progress shows how many rows of a table are through, once that takes more than a second.
func (e *env) progress(table string, rows int64, read *atomic.Int64) (stop func()) {
	return term.StartProgress(e.stderr, time.Second, func(elapsed time.Duration) string {
		n := read.Load()
		return fmt.Sprintf("%s: %d %%, %s rows, %s", table, 100*n/max(rows, 1), term.Count(n), term.Rate(n, elapsed))
	}).Stop
}

// workers is the number of batches that are worked on at once.
func (e *env) workers() int { return runtime.GOMAXPROCS(0) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := cli.Interruptible()
	defer stop()
	return cli.Exit(stderr, "analyze", dispatch(&env{ctx, stdin, stdout, stderr}, args))
}

func dispatch(e *env, args []string) error {
	for _, c := range commands {
		if len(args) > 0 && args[0] == c.name {
			return c.run(e, args[1:])
		}
	}
	flags := cli.NewFlags("analyze", usage)
	flags.SetInterspersed(false)
	if stop, err := flags.Parse(args, e.stdout); stop || err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return flags.Wrong("no command")
	}
	return flags.Wrong("unknown command %q", flags.Arg(0))
}

// options are the flags that most commands have.
type options struct {
	*cli.Flags
	json       bool
	expression string
	filter     *filter.Program // nil: all rows
}

func newOptions(name, usage string) *options {
	o := &options{Flags: cli.NewFlags("analyze "+name, usage)}
	o.BoolVar(&o.json, "json", false, "")
	return o
}

// withFilter adds -Y.
func (o *options) withFilter() *options {
	o.StringVarP(&o.expression, "filter", "Y", "", "")
	return o
}

// parse reads the command line; stop means that there is nothing left to do.
func (o *options) parse(e *env, args []string) (stop bool, err error) {
	if stop, err := o.Parse(args, e.stdout); stop || err != nil {
		return true, err
	}
	if o.NArg() == 0 {
		return true, o.Wrong("no capture given")
	}
	return false, nil
}

// open reads the command line and opens the captures it names. Where the set is nil there is nothing left to do.
func (o *options) open(e *env, args []string) (capture.Set, error) {
	if stop, err := o.parse(e, args); stop {
		return nil, err
	}
	return o.openParsed(e)
}

// openParsed is open after parse.
func (o *options) openParsed(e *env) (capture.Set, error) {
	set, err := capture.Open(e.ctx, o.Args(), e.stdin)
	if err != nil {
		return nil, err
	}
	if o.filter, err = set.Filter(o.expression); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	if o.Name() != "analyze info" { // which shows it
		set.Warn(e.stderr, "analyze")
	}
	return set, nil
}

// closing closes the captures and reports what went wrong with that, unless something did before.
func closing(set capture.Set, err *error) {
	if e := set.Close(); e != nil && *err == nil {
		*err = fmt.Errorf("closing captures: %w", e)
	}
}
