//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

// An Observer is told what happens while it records. Each goroutine of the recorder may call it, and waits meanwhile.
type Observer interface {
	// Dumped: a dump was made.
	Dumped(Dump)
	// DumpFailed: a dump could not be made, or an old one not removed. The recording goes on.
	DumpFailed(error)
	// Miscounted: what was produced is not known for sure, or is not all recorded or lost.
	Miscounted(error)
}
