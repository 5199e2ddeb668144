// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/cli"
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

// warnNotRecorded warns of captures in which the events of these tables were not recorded.
func (e *env) warnNotRecorded(set capture.Set, tables ...string) {
	for _, c := range set {
		for _, table := range tables {
			if !recorded(c, table) {
				cli.Warn(e.stderr, program.Name, fmt.Sprintf("%s: %s events were not recorded", c.Path, table))
			}
		}
	}
}
