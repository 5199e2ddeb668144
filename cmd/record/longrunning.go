// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/recorder"
)

// longRunning are the flags for recorders that are left running: what they keep, when they dump, and how much of the
// host they may use.
type longRunning struct {
	segmentSize cli.Size
	segmentTime cli.Time
	keep        int // number of segments; with last, of dumps

	last     cli.Time
	after    cli.Time
	trigger  string
	inMemory bool

	maxMemory cli.Size
	maxCPU    percent
	sync      cli.Time

	condition *recorder.Trigger // trigger, compiled by check; nil: none
}

// check validates these flags and compiles the trigger. path is the argument of -w, families are the recorded ones.
func (s *longRunning) check(f *cli.Flags, path string, families []string) error {
	for _, flag := range []struct {
		name string
		n    int64
	}{
		{"segment-size", int64(s.segmentSize)}, {"segment-time", int64(s.segmentTime)}, {"keep", int64(s.keep)},
		{"last", int64(s.last)}, {"after", int64(s.after)}, {"max-memory", int64(s.maxMemory)},
		{"max-cpu", int64(s.maxCPU)}, {"sync", int64(s.sync)},
	} {
		if f.Changed(flag.name) && flag.n <= 0 {
			return f.Wrong("--%s must be more than 0", flag.name)
		}
	}
	kind := "a tar"
	if path == "-" {
		kind = "a stream"
	}
	for _, name := range []string{"segment-size", "segment-time", "keep", "last"} {
		if f.Changed(name) && recorder.IsTar(path) {
			return f.Wrong("--%s needs a directory to write into, not %s", name, kind)
		}
	}
	for _, name := range []string{"after", "trigger", "in-memory"} {
		if f.Changed(name) && s.last == 0 {
			return f.Wrong("--%s needs --last: there is nothing to dump without it", name)
		}
	}
	if s.keep > 0 && s.segmentSize == 0 && s.segmentTime == 0 && s.last == 0 {
		return f.Wrong("--keep needs --segment-size, --segment-time or --last: nothing rotates without them")
	}
	if s.sync > 0 && (s.inMemory || path == "-") {
		return f.Wrong("--sync is for what is written to a disk")
	}
	if f.Changed("trigger") {
		condition, err := recorder.CompileTrigger(s.trigger, families)
		if err != nil {
			return f.Wrong("--trigger %w", err)
		}
		s.condition = condition
	}
	return nil
}
