//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "sync/atomic"

// A generation is one stretch of a recording that rotates: the segments of all tables that have its number. It is
// finished, dumped and dropped as a whole.
type generation struct {
	number   int
	from, to int64        // ns since the Unix epoch: what was swept from, until
	lanes    atomic.Int32 // that are not past it

	needed  int64      // what ended before, ns since the Unix epoch, may go; a flight recorder's
	dumps   []*request // to be made when it is finished
	history history    // as it was at its end
}
