// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// callNames are the names of system calls as a column. What was asked for is kept, but for numbers that no kernel has.
type callNames struct {
	name  func(nr int32) string
	rows  [syscalls.Slots]int32 // of names; 0: not asked for yet
	names format.Vector
	other format.Vector // one row, which the next number replaces
}

func newCallNames(name func(nr int32) string) *callNames {
	n := &callNames{name: name, names: format.Vector{Type: format.String}, other: format.Vector{Type: format.String}}
	n.names.Str.Append("")
	return n
}

// at gives the name of a call, as a row of a column.
func (n *callNames) at(nr int32) (*format.Vector, int) {
	if row := n.code(nr); row >= 0 {
		return &n.names, int(row)
	}
	n.other.Str.Reset()
	n.other.Str.Append(n.name(nr))
	return &n.other, 0
}

// code is the row of the name of a call, -1 where it is not kept.
func (n *callNames) code(nr int32) int32 {
	slot := syscalls.Slot(nr)
	if slot >= syscalls.Slots {
		return -1
	}
	if n.rows[slot] == 0 {
		n.rows[slot] = int32(n.names.Str.Len())
		n.names.Str.Append(n.name(nr))
	}
	return n.rows[slot]
}
