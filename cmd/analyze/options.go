// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/filter"
)

// options are the flags that most commands have.
type options struct {
	*cli.Flags
	json       bool
	expression string
	from, to   string          // for capture.Set.Window
	filter     *filter.Program // with the window; nil: all rows
}

// newCommand makes the command line of c, and adds what all subcommands have in common.
// statuses are the exit statuses that only this command has.
func newCommand(c cli.Command, statuses ...cli.Term) *options {
	if c.Usage == nil {
		c.Usage = []string{"CAPTURE... [flags]"}
	}
	c.Notes = append(c.Notes, cli.ExitStatus(statuses...))
	c.Operands = cli.Captures
	return &options{Flags: cli.New(c)}
}

// withFilter adds -Y with this help, --from and --to.
func (o *options) withFilter(help string) *options {
	o.StringVarP(&o.expression, "filter", "Y", "", help)
	o.StringVar(&o.from, "from", "", "only what began at `T` or later: "+capture.WindowHelp)
	o.StringVar(&o.to, "to", "", "only what began at `T` or before, likewise")
	return o
}

// withJSON adds --json. Its help says what is printed, such as "one object".
func (o *options) withJSON(help string) *options {
	o.BoolVar(&o.json, "json", false, "as JSON: "+help)
	return o
}

// parse parses the command line. If stop is set the command has to return err, which is nil after --help or --version.
func (o *options) parse(e *env, args []string) (stop bool, err error) {
	memory := budget.NewFlag(o.Flags)
	if stop, err := o.Parse(args, e.stdout); stop || err != nil {
		return true, err
	}
	if o.NArg() == 0 {
		return true, o.Wrong("no capture given")
	}
	if o.Changed("filter") && strings.TrimSpace(o.expression) == "" {
		return true, o.Wrong("--filter is empty")
	}
	b, err := memory.Budget()
	if err != nil {
		return true, err
	}
	e.limitMemory(b)
	return false, nil
}

// open parses the command line and opens the captures it names. If the set is nil the command has to return the error,
// as after parse.
func (o *options) open(e *env, args []string) (capture.Set, error) {
	if stop, err := o.parse(e, args); stop {
		return nil, err
	}
	return o.openParsed(e)
}

// openParsed opens the captures named on the command line, compiles the filter, and warns of incomplete captures.
func (o *options) openParsed(e *env) (capture.Set, error) {
	open := capture.Open
	asTheyAre := o.Name() == infoCommand.Name || o.Name() == verifyCommand.Name
	if asTheyAre {
		open = capture.OpenEach
	}
	set, err := open(e.ctx, o.Args(), e.stdin)
	if err != nil {
		return nil, err
	}
	e.opened = set
	if err := o.selectRows(set); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	if !asTheyAre { // these show the same themselves
		set.Warn(e.stderr, "analyze")
	}
	return set, nil
}

// selectRows sets the filter.
func (o *options) selectRows(set capture.Set) error {
	p, err := set.Filter(o.expression)
	if err != nil {
		return err
	}
	window, err := set.Window(o.from, o.to, time.Local)
	o.filter = filter.Between(p, window.From, window.To)
	return err
}

// closeCaptures closes the captures. If that fails it sets *err, unless it is set already.
func closeCaptures(set capture.Set, err *error) {
	if e := set.Close(); e != nil && *err == nil {
		*err = fmt.Errorf("closing captures: %w", e)
	}
}
