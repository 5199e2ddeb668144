// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
)

// recorded reports whether the events of a table were recorded. If the manifest does not tell, there must be rows.
func recorded(c *capture.Capture, table string) bool {
	if t := c.Table(table); t != nil && t.Rows > 0 {
		return true
	}
	families := schema.Of(table).Families
	return slices.ContainsFunc(c.Manifest.Probes, func(p format.Probe) bool {
		return p.Mechanism != "" && slices.Contains(families, p.Family)
	})
}
