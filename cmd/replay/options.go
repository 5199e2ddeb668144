// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
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

// timeFormats are the values of --time.
var timeFormats = []cli.Term{
	{Name: "local"}, {Name: "utc", Text: "with the date"}, {Name: "relative", Text: "seconds since the start"},
}

// options is the command line.
type options struct {
	captures []string
	filter   string
	speed    float64 // factor to the recorded pace; 0: as fast as possible
	from, to string  // for Set.Window; "": no limit
	rows     int64   // 0: all
	time     string  // one of timeFormats
	json     bool
	arrow    bool
	memory   *budget.Flag
}

// flags declares the flags. They set the options, except for speed, which parse still has to parse.
func (o *options) flags() (f *cli.Flags, speed *string) {
	f = cli.New(command)
	speed = f.String("speed", "max", "`S` times as fast as it was (1, 0.5, 10), or max: without waiting")
	f.StringVar(&o.from, "from", "", "begin at `T`: "+capture.WindowHelp)
	f.StringVar(&o.to, "to", "", "end at `T`, likewise")
	f.Int64VarP(&o.rows, "rows", "n", 0, "at most `N` events")
	f.StringVarP(&o.time, "time", "t", timeFormats[0].Name, "write times as `FORMAT`: "+cli.Or(timeFormats...))
	f.OneOf("time", timeFormats...)
	f.BoolVar(&o.json, "json", false, "one object a line")
	f.BoolVar(&o.arrow, "arrow", false,
		"an Arrow IPC stream of each table, one after another by name, rows as they were recorded")
	o.memory = budget.NewFlag(f)
	return f, speed
}

// zone is the time zone of times without one: that of the output.
func (o *options) zone() *time.Location {
	if o.time == "utc" {
		return time.UTC
	}
	return time.Local
}

// parse parses the command line. If o is nil the program has to return err, which is nil after --help or --version.
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
	if len(o.captures) < flags.NArg() && strings.TrimSpace(o.filter) == "" {
		return nil, flags.Wrong("the filter is empty")
	}
	if o.json && flags.Changed("time") && o.from == "" && o.to == "" {
		return nil, flags.Wrong("--time is for lines of text and for --from and --to: times in JSON are UTC")
	}
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

// split divides the arguments into captures and filter: the first argument is a capture, and so are the next ones up to
// the first that does not exist as a file. There the filter begins.
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
