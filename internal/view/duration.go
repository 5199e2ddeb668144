// SPDX-License-Identifier: Apache-2.0

package view

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// Unknown is a duration that is not known, in captures and as a Number in nanoseconds.
const Unknown = -1

// flagsColumn is the last column of many tables of events.
const flagsColumn = "flags"

// timed are the columns that say which durations are known, and which of them exactly.
func timed(column string) []string { return []string{column, flagsColumn} }

// exactly selects rows whose duration is known, and not only a lower bound of it.
func exactly(column string) *Condition {
	return newCondition(func(dst, rows []int32, b *format.Batch) []int32 {
		durations, flags := b.Column(column).I64, flagsOf(b, schema.FlagBefore)
		for _, row := range rows {
			if durations[row] >= 0 && (flags == nil || flags[row]&schema.FlagBefore == 0) {
				dst = append(dst, row)
			}
		}
		return dst
	}, timed(column)...)
}

// BeganBefore selects rows that tell of what began before the recording.
func BeganBefore() *Condition {
	return newCondition(func(dst, rows []int32, b *format.Batch) []int32 {
		if flags := flagsOf(b, schema.FlagBefore); flags != nil {
			for _, row := range rows {
				if flags[row]&schema.FlagBefore != 0 {
					dst = append(dst, row)
				}
			}
		}
		return dst
	}, flagsColumn)
}

// flagsOf returns the column of flags, nil if no row has any of these bits.
func flagsOf(b *format.Batch, bits int32) []int32 {
	v := b.Column(flagsColumn)
	if v == nil {
		return nil
	}
	var all int32
	for _, flags := range v.I32 {
		all |= flags
	}
	if all&bits == 0 {
		return nil
	}
	return v.I32
}

// Before reports whether what a row tells of began before the recording.
func Before(b *format.Batch, row int) bool {
	v := b.Column(flagsColumn)
	return v != nil && v.I32[row]&schema.FlagBefore != 0
}

// forgetZeros makes the durations of calls that do not return unknown. Captures of format 1.1 have 0 there.
func forgetZeros(b *format.Batch, calls *syscalls.Table) {
	v, nr := b.Column("duration_ns"), b.Column("nr")
	if v == nil || nr == nil {
		return
	}
	for row, n := range v.I64 {
		if n == 0 && !calls.Returns(nr.I32[row]) {
			v.I64[row] = Unknown
		}
	}
}
