//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "sync/atomic"

// Sweeps tell how far the drain is with emptying the rings. It counts, others look.
type sweeps struct {
	count atomic.Uint64 // how many there were
	whole uint64        // how many of them found every announcement there was; the drain's
	done  atomic.Bool   // there will be no more
}
