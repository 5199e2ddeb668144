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

// Config is what to record into what. The zero value of a limit, a size or a time is none.
type Config struct {
	Path     string          // of the capture, as in format.Create; a flight recorder's directory
	Stdout   io.Writer       // where the path "-" leads
	Force    bool            // replace a capture at Path; a flight recorder goes on in its directory
	UID, GID int             // whose the files are; 0 and -1: whoever runs the program
	Codec    string          // zstd, lz4, none or auto
	Manifest format.Manifest // of host, programs (Probes) and command; the recorder fills in the rest
	Calls    *syscalls.Table // names of system calls, for a Trigger

	// The recording ends with whichever comes first.
	MaxRows  int64 // of events, exactly
	MaxBytes int64 // written; the last batch may pass it
	Duration time.Duration

	// A generation ends with whichever comes first. Keep is how many are kept, counting the one being written; a flight
	// recorder's is of dumps.
	SegmentBytes int64 // of all tables together
	SegmentTime  time.Duration
	Keep         int

	// A flight recorder keeps Last in a window, and dumps it when something is received from RequestDump, when Trigger
	// holds, and at the end; After more is recorded before that.
	Last, After time.Duration
	InMemory    bool // the window is
	RequestDump <-chan os.Signal
	Trigger     *Trigger // nil: none

	RingBytes int64         // of each bulk ring; 0: chosen by the number of CPUs
	KeepIdle  time.Duration // how long rows stay known that no event refers to; 0: longer than a connection may linger
	MaxMemory int64         // resident, bytes
	MaxCPU    int           // percent of one CPU
	Sync      time.Duration

	Wording Wording
}

// Wording is what the notes in a manifest call limits that a person has set.
type Wording struct {
	MaxCPU    string // as "--max-cpu 50%"
	MaxMemory string // as "--max-memory 1GiB"
	Last      string // as "1m0s"
}

// IsTar says whether a capture at path is a tar, on standard output or in a file.
func IsTar(path string) bool { return path == "-" || strings.HasSuffix(path, ".tar") }

// rotates says whether the recording is cut into generations.
func (c *Config) rotates() bool { return c.SegmentBytes > 0 || c.SegmentTime > 0 || c.flight() }

// drops says whether old generations go.
func (c *Config) drops() bool { return c.Keep > 0 || c.flight() }

// flight says whether it is a flight recorder.
func (c *Config) flight() bool { return c.Last > 0 }
