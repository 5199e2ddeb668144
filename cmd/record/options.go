// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/recorder"
	"github.com/fletch-trace/fletch/internal/schema"
)

// options are the command line.
type options struct {
	write    string
	events   []string
	pids     []int
	mech     map[string]string // forced, by family
	comm     string
	duration cli.Time
	rows     int64
	size     cli.Size
	buffer   cli.Size
	compress string
	force    bool
	list     bool
	json     bool
	strict   bool
	quiet    bool
	verbose  bool
	standing
	args    []string // as given, for the manifest
	command []string
}

func parse(args []string, stdout io.Writer) (*options, bool, error) {
	opt := &options{args: args}
	f, pids := opt.flags()
	if stop, err := f.Parse(args, stdout); stop || err != nil {
		return nil, stop, err
	}
	opt.command = f.Args()
	return opt, false, opt.check(f, *pids)
}

func (opt *options) check(f *cli.Flags, pids []string) error {
	known := schema.Families()
	for _, name := range opt.events {
		if !slices.Contains(known, name) {
			return f.Wrong("unknown event family %q, not one of %s", name, strings.Join(known, ", "))
		}
	}
	for name, mechanism := range opt.mech {
		if all := bpf.Mechanisms(name); !slices.Contains(all, mechanism) {
			return f.Wrong("no mechanism %q of %s events, only %s", mechanism, name, orDash(strings.Join(all, ", ")))
		}
	}
	for _, text := range pids {
		pid, err := strconv.Atoi(text)
		if err != nil || pid <= 0 {
			return f.Wrong("%q is not a process id", text)
		}
		opt.pids = append(opt.pids, pid)
	}
	if !slices.ContainsFunc(codecs, func(t cli.Term) bool { return t.Name == opt.compress }) {
		return f.Wrong("unknown compression %q, not one of zstd, lz4, none, auto", opt.compress)
	}
	for _, flag := range []struct {
		name string
		n    int64
	}{{"max-events", opt.rows}, {"max-size", int64(opt.size)}, {"duration", int64(opt.duration)}, {"buffer-size", int64(opt.buffer)}} {
		if f.Changed(flag.name) && flag.n <= 0 {
			return f.Wrong("--%s must be more than 0", flag.name)
		}
	}
	if opt.buffer > recorder.MaxRing {
		return f.Wrong("--buffer-size %s is more than %s", opt.buffer.String(), "512MiB")
	}
	if len(opt.command) > 0 && len(opt.pids) > 0 {
		return f.Wrong("--pid and a command exclude each other")
	}
	if opt.list && len(opt.command) > 0 {
		return f.Wrong("--list runs no command")
	}
	return opt.standing.check(f, opt.write, opt.families())
}

// config is what the flags ask of the recorder.
func (opt *options) config() recorder.Config {
	return recorder.Config{
		Path: opt.write, Force: opt.force, Codec: opt.compress,
		MaxRows: opt.rows, MaxBytes: int64(opt.size), Duration: opt.duration.Duration(), RingBytes: int64(opt.buffer),
		SegmentBytes: int64(opt.segmentSize), SegmentTime: opt.segmentTime.Duration(), Keep: opt.keep,
		Last: opt.last.Duration(), After: opt.after.Duration(), InMemory: opt.inMemory, Trigger: opt.condition,
		MaxMemory: int64(opt.maxMemory), MaxCPU: int(opt.maxCPU), Sync: opt.sync.Duration(), KeepIdle: keepIdle,
		Wording: recorder.Wording{
			MaxCPU: "--max-cpu " + opt.maxCPU.String(), MaxMemory: "--max-memory " + opt.maxMemory.String(),
			Last: opt.last.String(),
		},
	}
}

// keepIdle is Config.KeepIdle; 0 is its default. Tests do not wait for that.
var keepIdle time.Duration

func (opt *options) families() []string {
	if len(opt.events) == 0 {
		return schema.Families()
	}
	return opt.events
}
