//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "time"

// A timer says when something is due again.
type timer struct {
	every time.Duration
	last  time.Time
}

func (t *timer) due(at time.Time) bool {
	if at.Sub(t.last) < t.every {
		return false
	}
	t.last = at
	return true
}
