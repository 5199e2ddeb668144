// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

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
