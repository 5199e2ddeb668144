//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "sync/atomic"

// Counts are of the recording so far, for whoever shows its progress.
type counts struct {
	rows atomic.Int64 // events recorded, without the snapshot's
	lost atomic.Int64
}
