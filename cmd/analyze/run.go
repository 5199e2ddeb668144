// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/term"
)

var program = cli.Command{
	Name:    "analyze",
	Summary: "answer questions about captures",
	Description: `Answers questions about captures: directories, tars of one, or - for a tar on standard input. No root
and no kernel is needed.`,
	Usage: []string{"COMMAND CAPTURE... [flags]"},
	Examples: []cli.Example{
		{Line: "analyze info incident"},
		{Line: "analyze summary incident"},
		{Line: "analyze convert incident -o tables"},
	},
	Notes:    []cli.Note{{Text: "analyze COMMAND --help tells of a command."}, cli.ExitStatus()},
	Operands: cli.Subcommand,
}

// command is one subcommand.
type command struct {
	cli.Command
	run func(e *env, args []string) error
}

// name is what it is called on the command line.
func (c *command) name() string { return strings.TrimPrefix(c.Name, program.Name+" ") }

var commands = []command{
	{infoCommand, info},
	{summaryCommand, summary},
	{systemCalls.Command, systemCalls.run},
	{files.Command, files.run},
	{tcp.Command, tcp.run},
	{processesCommand, processes},
	{ipc.Command, ipc.run},
	{lossesCommand, losses},
	{convertCommand, convert},
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
	p := program
	for _, c := range commands {
		if len(args) > 0 && args[0] == c.name() {
			return c.run(e, args[1:])
		}
		p.Subcommands = append(p.Subcommands, cli.Term{Name: c.name(), Text: c.Summary})
	}
	flags := cli.New(p)
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

// newCommand makes the command line of c; what all subcommands have in common need not be in c.
func newCommand(c cli.Command) *options {
	if c.Usage == nil {
		c.Usage = []string{"CAPTURE... [flags]"}
	}
	c.Notes = append(c.Notes, cli.ExitStatus())
	c.Operands = cli.Captures
	return &options{Flags: cli.New(c)}
}

// withFilter adds -Y, with its help.
func (o *options) withFilter(help string) *options {
	o.StringVarP(&o.expression, "filter", "Y", "", help)
	return o
}

// withJSON adds --json, which prints what objects says.
func (o *options) withJSON(objects string) *options {
	o.BoolVar(&o.json, "json", false, "as JSON: "+objects)
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
