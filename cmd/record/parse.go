// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/recorder"
	"github.com/fletch-trace/fletch/internal/schema"
)

// parse reads the command line. stop says that it asked for no more than what was printed, such as the help.
func parse(args []string, stdout io.Writer) (opt *options, stop bool, err error) {
	opt = &options{args: args}
	f, pids := opt.flags()
	if stop, err := f.Parse(args, stdout); stop || err != nil {
		return nil, stop, err
	}
	opt.command = f.Args()
	return opt, false, opt.check(f, *pids)
}

// check refuses what does not go together, and reads pids.
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
	}{
		{"max-events", opt.rows}, {"max-size", int64(opt.size)}, {"duration", int64(opt.duration)},
		{"buffer-size", int64(opt.buffer)},
	} {
		if f.Changed(flag.name) && flag.n <= 0 {
			return f.Wrong("--%s must be more than 0", flag.name)
		}
	}
	if most := cli.Size(recorder.MaxRing); opt.buffer > most {
		return f.Wrong("--buffer-size %s is more than %s", opt.buffer.String(), most.String())
	}
	if len(opt.command) > 0 && len(opt.pids) > 0 {
		return f.Wrong("--pid and a command exclude each other")
	}
	if opt.list && len(opt.command) > 0 {
		return f.Wrong("--list runs no command")
	}
	return opt.standing.check(f, opt.write, opt.families())
}
