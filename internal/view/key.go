// SPDX-License-Identifier: Apache-2.0

package view

import (
	"github.com/fletch-trace/fletch/format"
)

// Key is something that rows can be grouped by.
type Key struct {
	Name    string
	Number  bool     // in JSON it is a number, and null where it is not known
	Right   bool     // in a table it stands on the right
	Columns []string // of the table, that Codes reads
	// Bind makes the key ready for a capture and one worker.
	Bind func(s *Source) (Coder, error)
}

// Coder gives rows of one capture codes: those of one group have the same. It is used by one goroutine at a time.
type Coder struct {
	Codes func(dst []uint64, b *format.Batch) // sets dst to the codes of all rows
	Text  func(code uint64) string            // what a person reads; codes with the same text become one group
}

// OnLeft is the key where it stands on the left of a table.
func (k *Key) OnLeft() *Key {
	left := *k
	left.Right = false
	return &left
}
