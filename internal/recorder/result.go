//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"time"

	"github.com/fletch-trace/fletch/format"
)

// An Observer receives what happens during a recording. Its methods are called by several goroutines of the recorder,
// which wait for them to return.
type Observer interface {
	// Dumped is called when a dump was made.
	Dumped(Dump)
	// DumpFailed is called when a dump could not be made, or an old one could not be removed. The recording continues.
	DumpFailed(error)
	// Miscounted is called when produced = recorded + lost does not hold, or cannot be checked.
	Miscounted(error)
}

// A Part is the size of a recording, or of a part of it.
type Part struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Rows  int64     `json:"rows"` // of events
	Lost  int64     `json:"lost"`
	Bytes int64     `json:"bytes"`
}

// A Dump is a capture that a flight recorder made of its window.
type Dump struct {
	Path   string        `json:"path"`
	Reason string        `json:"reason"`
	TS     time.Time     `json:"ts"`
	Rows   int64         `json:"rows"` // of events
	Bytes  int64         `json:"bytes"`
	Length time.Duration `json:"-"` // between its start and its end
	// Removed is true if it was removed again, because Config.Keep newer dumps were made.
	Removed bool `json:"removed,omitempty"`
}

// A Result is the outcome of a recording.
type Result struct {
	Manifest format.Manifest // of what is kept; for a flight recorder, of its last window
	All      Part            // the whole recording
	Kept     *Part           // what is kept of it; nil: everything
	// Dumps are the newest of those that were made, DumpsMade is how many were.
	Dumps     []Dump
	DumpsMade int
}
