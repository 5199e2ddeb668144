//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "time"

// A Dump is a capture that a flight recorder has made of its window.
type Dump struct {
	Path   string        `json:"path"`
	Reason string        `json:"reason"`
	TS     time.Time     `json:"ts"`
	Rows   int64         `json:"rows"` // of events
	Bytes  int64         `json:"bytes"`
	Length time.Duration `json:"-"` // of the time that it has
	// Removed: newer ones have taken its place.
	Removed bool `json:"removed,omitempty"`
}
