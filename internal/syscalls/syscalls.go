// SPDX-License-Identifier: Apache-2.0

// Package syscalls names Linux system calls and decodes their arguments and
// results, for any architecture a capture may come from, on any machine.
package syscalls

import "errors"

// ErrArch means an architecture this package has no tables for.
var ErrArch = errors.New("unknown architecture")

// Table knows the system calls of one architecture, its 32-bit compat ABI included.
type Table struct{}

// ForArch returns the table of an architecture named as by uname -m.
func ForArch(arch string) (*Table, error) { return &Table{}, nil }

// Name returns the name of call nr.
func (t *Table) Name(nr int32) string { return "" }

// Number returns the number of the call named.
func (t *Table) Number(name string) (int32, bool) { return 0, false }

// Arity returns how many arguments call nr takes, 6 if it is unknown.
func (t *Table) Arity(nr int32) int { return 6 }

// Arities returns the arity of each native call, indexed by number.
func (t *Table) Arities() []uint8 { return nil }

// AppendCall appends call nr as text: openat(AT_FDCWD, 0x7ffd1234, O_RDONLY).
func (t *Table) AppendCall(dst []byte, nr int32, args [6]int64) []byte { return dst }

// AppendRet appends what call nr returned: = 3, = -1 ENOENT (No such file or directory).
func (t *Table) AppendRet(dst []byte, nr int32, ret int64) []byte { return dst }

// Errno returns the name of the error that ret stands for, "" if it is none.
func Errno(ret int64) string { return "" }
