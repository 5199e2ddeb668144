//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import "github.com/fletch-trace/fletch/format"

// A history is what a manifest tells of a recording until some moment.
type history struct {
	clocks  []format.Clock
	changes []format.Change
	notes   []string
}

// write puts a history into a manifest, and tables, which were recorded: one that had nothing to say has 0 rows.
func (h history) write(m *format.Manifest, tables []string) {
	m.Clock, m.Changes, m.Notes = h.clocks, h.changes, append(m.Notes, h.notes...)
	if m.Tables == nil {
		m.Tables = make(map[string]format.TableInfo)
	}
	for _, name := range tables {
		if _, ok := m.Tables[name]; !ok {
			m.Tables[name] = format.TableInfo{}
		}
	}
}
