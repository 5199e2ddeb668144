// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/recorder"
	"github.com/fletch-trace/fletch/internal/schema"
)

// options are the flags and arguments of the command line.
type options struct {
	path       string
	events     []string
	pids       []int
	mechanisms map[string]string // of --mechanism, by family
	comm       string
	callWords  []string   // of -e syscall=LIST, those that are left out with a !
	calls      *bpf.Calls // that they stand for; nil: all
	uids       []uint32
	cgroup     string
	container  string
	failed     bool
	slower     cli.Time
	noArgs     bool
	strings    cli.Size
	noStrings  bool
	duration   cli.Time
	maxEvents  int64
	maxSize    cli.Size
	wait       bool
	ringSize   cli.Size
	codec      string
	force      bool
	list       bool
	json       bool
	strict     bool
	quiet      bool
	verbose    bool
	longRunning
	args    []string // the whole command line, for the manifest
	command []string // COMMAND and its arguments; empty: none
}

// config is the recorder's configuration by the flags.
func (opt *options) config() recorder.Config {
	return recorder.Config{
		Path: opt.path, Force: opt.force, Codec: opt.codec, WithoutArgs: opt.noArgs,
		MaxRows: opt.maxEvents, MaxBytes: int64(opt.maxSize), Duration: opt.duration.Duration(),
		RingBytes:    int64(opt.ringSize),
		SegmentBytes: int64(opt.segmentSize), SegmentTime: opt.segmentTime.Duration(), Keep: opt.keep,
		Last: opt.last.Duration(), After: opt.after.Duration(), InMemory: opt.inMemory, Trigger: opt.condition,
		MaxMemory: int64(opt.maxMemory), MaxCPU: int(opt.maxCPU), Sync: opt.sync.Duration(), KeepIdle: keepIdle,
		Wording: recorder.Wording{
			MaxCPU: "--max-cpu " + opt.maxCPU.String(), MaxMemory: "--max-memory " + opt.maxMemory.String(),
			Last: opt.last.String(),
		},
	}
}

// keepIdle is Config.KeepIdle. Tests set it, because its default is a minute.
var keepIdle time.Duration

// families are the families to record: those of -e, or all.
func (opt *options) families() []string {
	if len(opt.events) == 0 {
		return schema.Families()
	}
	return opt.events
}

// keptStrings is how many bytes are kept of each text of a system call; 0: none.
func (opt *options) keptStrings() int {
	if opt.noStrings {
		return 0
	}
	return int(opt.strings)
}

// commandLines are COMMAND and the whole command line as the manifest has them: with --no-args, COMMAND's arguments are
// in neither.
func (opt *options) commandLines() (command, whole []string) {
	if !opt.noArgs || len(opt.command) == 0 {
		return opt.command, opt.args
	}
	return opt.command[:1], opt.args[:len(opt.args)-len(opt.command)+1]
}

// parse parses the command line. If stop is true, there is nothing more to do: it has printed the help or the version.
func parse(args []string, stdout io.Writer) (opt *options, stop bool, err error) {
	opt = &options{args: args}
	f, unparsed := opt.flags()
	if stop, err := f.Parse(args, stdout); stop || err != nil {
		return nil, stop, err
	}
	opt.command = f.Args()
	return opt, false, opt.check(f, unparsed)
}

// check validates the flags, and parses the arguments that flags has not.
func (opt *options) check(f *cli.Flags, args *unparsed) error {
	if err := opt.parseSelection(f, args); err != nil {
		return err
	}
	if err := opt.parseMechanisms(f, args.mechanisms); err != nil {
		return err
	}
	if all := codecNames(); !slices.Contains(all, opt.codec) {
		return f.Wrong("unknown compression %q, not one of %s", opt.codec, strings.Join(all, ", "))
	}
	for _, flag := range []struct {
		name string
		n    int64
	}{
		{"max-events", opt.maxEvents}, {"max-size", int64(opt.maxSize)}, {"duration", int64(opt.duration)},
		{"buffer-size", int64(opt.ringSize)}, {"strings", int64(opt.strings)}, {"slower", int64(opt.slower)},
	} {
		if f.Changed(flag.name) && flag.n <= 0 {
			return f.Wrong("--%s must be more than 0", flag.name)
		}
	}
	if most := cli.Size(bpf.MaxString); opt.strings > most {
		return f.Wrong("--strings %s is more than %s", opt.strings.String(), most.String())
	}
	if most := cli.Size(recorder.MaxRing); opt.ringSize > most {
		return f.Wrong("--buffer-size %s is more than %s", opt.ringSize.String(), most.String())
	}
	if err := opt.checkCombination(f, args.pids); err != nil {
		return err
	}
	if err := opt.longRunning.check(f, opt.path, opt.families()); err != nil {
		return err
	}
	if opt.noArgs && opt.condition != nil && opt.condition.Tests("args") {
		return f.Wrong("--trigger tests args, which --no-args leaves out")
	}
	return nil
}
