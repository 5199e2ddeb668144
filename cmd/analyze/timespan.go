// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/fletch-trace/fletch/internal/term"
)

// whenLayout is how a time is shown, in local time.
const whenLayout = "2006-01-02 15:04:05.000 -0700"

// spanText is when something was, in local time, and how long it took.
func spanText(start, end time.Time) string {
	switch {
	case start.IsZero():
		return "at an unknown time"
	case end.IsZero():
		return "from " + start.Local().Format(whenLayout)
	}
	return fmt.Sprintf("%s to %s (%s)", start.Local().Format(whenLayout), end.Local().Format("15:04:05.000"),
		term.Duration(end.Sub(start)))
}
