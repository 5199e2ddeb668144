// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/merge"
	"github.com/fletch-trace/fletch/internal/term"
)

var command = cli.Command{
	Name:    "replay",
	Summary: "play the events of captures back in the order of time",
	Description: `Plays the events of captures (directories, tars of one, or - for a tar on standard input) back in the
order of time, one a line. No root and no kernel is needed.

The first argument that is no file begins the filter: an expression over the columns of the tables, and over family,
comm, pid, tid and the name of a call or a file.`,
	Usage: []string{"CAPTURE... [flags] [FILTER]"},
	Examples: []cli.Example{
		{Line: "replay incident", Text: "all of it"},
		{Line: `replay incident --from 5s --to 6s 'comm == "nginx" && ret < 0'`,
			Text: "what failed in one second of one program"},
		{Line: `replay incident --speed 1 'family == "process"'`, Text: "processes, as fast as they came and went"},
		{Line: "replay incident --json -n 100 | jq .", Text: "for a program"},
	},
	Notes:    []cli.Note{cli.ExitStatus()},
	Operands: cli.Captures,
}

// timeFormats are how --time writes a moment.
var timeFormats = []cli.Term{
	{Name: "local"}, {Name: "utc", Text: "with the date"}, {Name: "relative", Text: "seconds since the start"},
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := cli.Interruptible()
	defer stop()
	return cli.Exit(stderr, "replay", replay(ctx, args, stdin, stdout, stderr))
}

// options are what the command line says.
type options struct {
	captures []string
	filter   string
	speed    float64 // times as fast as it was; 0 is as fast as possible
	from, to string
	rows     int64 // 0 is all
	time     string
	json     bool
	arrow    bool
}

func replay(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	o, err := parse(args, stdout)
	if o == nil {
		return err
	}
	set, err := capture.Open(ctx, o.captures, stdin)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	set.Warn(stderr, "replay")
	span, err := newSpan(o, set)
	if err != nil {
		return err
	}
	if o.arrow {
		return writeArrow(ctx, o, set, span, stdout)
	}
	sources, err := newSources(o, set, span)
	if err != nil {
		return err
	}
	p := newPlayer(ctx, stdout, o.speed, o.rows)
	if !term.IsTerminal(stdout) && o.speed == 0 {
		defer progress(stderr, sources).Stop()
	}
	err = merge.Merge(ctx, sources, merge.Options{Workers: workers()}, p.play)
	return p.end(err)
}

// progress shows on a terminal how much is read, once that takes more than a second.
func progress(stderr io.Writer, sources []merge.Source) *term.Progress {
	return term.StartProgress(stderr, time.Second, func(elapsed time.Duration) string {
		all, read := int64(0), int64(0)
		for _, s := range sources {
			all, read = all+s.(*source).table.Rows, read+s.(*source).read.Load()
		}
		return fmt.Sprintf("%d %%, %s rows, %s", 100*read/max(all, 1), term.Count(read), term.Rate(read, elapsed))
	})
}

func workers() int { return runtime.GOMAXPROCS(0) }

// flags declares the command line, of which speed is not read yet.
func (o *options) flags() (f *cli.Flags, speed *string) {
	f = cli.New(command)
	speed = f.String("speed", "max", "`S` times as fast as it was (1, 0.5, 10), or max: without waiting")
	f.StringVar(&o.from, "from", "", "begin at `T`: so long after the start (90s, 1m30s), at a time of day as in the "+
		"output, or at 2006-01-02T15:04:05Z")
	f.StringVar(&o.to, "to", "", "end at `T`, likewise")
	f.Int64VarP(&o.rows, "rows", "n", 0, "at most `N` events")
	f.StringVarP(&o.time, "time", "t", timeFormats[0].Name, "write times as `FORMAT`: "+cli.Or(timeFormats...))
	f.OneOf("time", timeFormats...)
	f.BoolVar(&o.json, "json", false, "one object a line")
	f.BoolVar(&o.arrow, "arrow", false,
		"an Arrow IPC stream of each table, one after another by name, rows as they were recorded")
	return f, speed
}

// parse reads the command line; where o is nil there is nothing left to do.
func parse(args []string, stdout io.Writer) (o *options, err error) {
	o = &options{}
	flags, speed := o.flags()
	if stop, err := flags.Parse(args, stdout); stop || err != nil {
		return nil, err
	}
	if flags.NArg() == 0 {
		return nil, flags.Wrong("no capture given")
	}
	if o.arrow {
		if err := checkArrow(flags, stdout); err != nil {
			return nil, err
		}
	}
	o.captures, o.filter = split(flags.Args())
	if *speed != "max" {
		o.speed, err = strconv.ParseFloat(*speed, 64)
		if err != nil || !(o.speed > 0) || math.IsInf(o.speed, 0) {
			return nil, flags.Wrong("speed %q is neither max nor a number above 0", *speed)
		}
	}
	if o.rows < 0 || flags.Changed("rows") && o.rows == 0 {
		return nil, flags.Wrong("%d events show nothing", o.rows)
	}
	if !slices.ContainsFunc(timeFormats, func(t cli.Term) bool { return t.Name == o.time }) {
		return nil, flags.Wrong("time %q is not local, utc or relative", o.time)
	}
	return o, nil
}

// split tells captures and filter apart: the first argument is a capture, so is each one after it that exists, and the
// first that does not begins the filter.
func split(args []string) (captures []string, filter string) {
	n := 1
	for n < len(args) && exists(args[n]) {
		n++
	}
	return args[:n], strings.Join(args[n:], " ")
}

func exists(path string) bool {
	if path == "-" {
		return true
	}
	_, err := os.Lstat(path)
	return err == nil
}
