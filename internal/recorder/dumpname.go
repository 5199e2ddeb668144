//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"regexp"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// interrupted is the reason of what an earlier recorder left unfinished.
const interrupted = "interrupted"

// dumpNames are those that dumpName gives, and what becomes of them.
var dumpNames = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-(sigusr2|trigger|end|` + interrupted + `)` +
	`(-` + interrupted + `)?(` + regexp.QuoteMeta(format.RemovedSuffix) + `)?$`)

// dumpName is the name of a dump for an event at that time.
func dumpName(at time.Time, reason string) string {
	return at.UTC().Format("20060102T150405.000Z") + "-" + reason
}
