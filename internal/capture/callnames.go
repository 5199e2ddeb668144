// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// callNames has the names of system calls as a column. A name is added to it when it is first used. Names of numbers
// that no kernel has are not kept, because a hostile capture may have many.
type callNames struct {
	name  func(nr int32) string
	rows  [syscalls.Slots]int32 // row in names by syscalls.Slot; 0: not added yet
	names format.Vector
	other format.Vector // its only row is the name of a number that is not kept
}

func newCallNames(name func(nr int32) string) *callNames {
	n := &callNames{name: name, names: format.Vector{Type: format.String}, other: format.Vector{Type: format.String}}
	n.names.Str.Append("")
	return n
}

// at returns where the name of a call is: in a row of a vector. It is valid until the next call.
func (n *callNames) at(nr int32) (*format.Vector, int) {
	if row := n.code(nr); row >= 0 {
		return &n.names, int(row)
	}
	n.other.Str.Reset()
	n.other.Str.Append(n.name(nr))
	return &n.other, 0
}

// code returns the row of names that has the name of a call, -1 if it is not kept.
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
