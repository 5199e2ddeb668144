//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "time"

// A Part is a stretch of a recording: what is there of it.
type Part struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Rows  int64     `json:"rows"` // of events
	Lost  int64     `json:"lost"`
	Bytes int64     `json:"bytes"`
}
