//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"io"
	"os"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Config describes one recording. A limit, size or time that is zero is not set.
type Config struct {
	Path     string          // the capture, as in format.Create; of a flight recorder, its directory
	Stdout   io.Writer       // where the capture goes if Path is "-"
	Force    bool            // replace a capture at Path; a flight recorder continues in an existing directory
	Codec    string          // zstd, lz4, none or auto
	Manifest format.Manifest // with host, Probes and command filled in; the recorder fills in the rest
	Calls    *syscalls.Table // names of system calls, for Trigger

	WithoutArgs bool // do not read the command lines of running processes

	// The recording ends when the first of these is reached.
	MaxRows  int64 // rows of events, exactly
	MaxBytes int64 // bytes written; the last batch may exceed it
	Duration time.Duration

	// A generation ends when SegmentBytes or SegmentTime is reached. Keep is how many generations are kept, including
	// the one being written; with Last, how many dumps.
	SegmentBytes int64 // of all tables together
	SegmentTime  time.Duration
	Keep         int

	// A flight recorder keeps the last Last of the recording in a window. It dumps the window when a signal arrives on
	// RequestDump, when Trigger matches an event (in both cases After later), and at the end.
	Last, After time.Duration
	InMemory    bool // keep the window in memory instead of in files
	RequestDump <-chan os.Signal
	Trigger     *Trigger // nil: none

	RingBytes int64         // size of each bulk ring; 0: chosen by the number of CPUs
	KeepIdle  time.Duration // how long unused dimension rows are kept; 0: defaultKeepIdle
	MaxMemory int64         // resident size, bytes
	MaxCPU    int           // percent of one CPU
	Sync      time.Duration // between two fsyncs

	Wording Wording
}

// Wording is how the notes in a manifest refer to the user's limits.
type Wording struct {
	MaxCPU    string // as "--max-cpu 50%"
	MaxMemory string // as "--max-memory 1GiB"
	Last      string // as "1m0s"
}

// IsTar reports whether a capture at path is a tar, in a file or on standard output.
func IsTar(path string) bool { return path == "-" || strings.HasSuffix(path, ".tar") }

// rotates reports whether the recording is divided into generations.
func (c *Config) rotates() bool { return c.SegmentBytes > 0 || c.SegmentTime > 0 || c.flight() }

// drops reports whether old generations are removed.
func (c *Config) drops() bool { return c.Keep > 0 || c.flight() }

// flight reports whether this is a flight recorder.
func (c *Config) flight() bool { return c.Last > 0 }
