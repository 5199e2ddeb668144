//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

// A request is a dump to be made. Times are ns since the Unix epoch.
type request struct {
	reason, condition string
	at                int64 // of the event or the signal
	since             int64 // the dump has what is from then on
	due               int64
	more              int // events or signals that it serves as well
}
