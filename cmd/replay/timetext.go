// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/fletch-trace/fletch/internal/stamp"
)

// timeText appends a moment, in ns since the Unix epoch.
type timeText func(dst []byte, ns int64) []byte

// newTimeText is how --time has moments written; relative ones count from start.
func newTimeText(kind string, start int64) timeText {
	switch kind {
	case "utc":
		return stamp.RFC3339().Append
	case "relative":
		return func(dst []byte, ns int64) []byte {
			from := len(dst)
			dst = stamp.Seconds(dst, ns-start, 9)
			return pad(dst, from, 14, true)
		}
	}
	return stamp.New("15:04:05", "", time.Local).Append
}
