// SPDX-License-Identifier: Apache-2.0

package format

import "fmt"

// Vector is one column of a batch. Which of its slices are in use depends on Type.
type Vector struct {
	Type Type
	I32  []int32 // Int32: one a row
	I64  []int64 // Int64, Timestamp: one a row
	Str  Strings // String: one a row; StringList: the elements of all rows
	Rows []int32 // StringList: row i is elements Rows[i] to Rows[i+1] of Str
}

// Len returns the number of rows.
func (v *Vector) Len() int {
	switch v.Type {
	case Int32:
		return len(v.I32)
	case Int64, Timestamp:
		return len(v.I64)
	case String:
		return v.Str.Len()
	case StringList:
		return max(len(v.Rows)-1, 0)
	}
	return 0
}

// List returns a copy of row i of a StringList.
func (v *Vector) List(i int) []string {
	list := make([]string, 0, v.Rows[i+1]-v.Rows[i])
	for j := v.Rows[i]; j < v.Rows[i+1]; j++ {
		list = append(list, v.Str.At(int(j)))
	}
	return list
}

// Reset empties v and keeps its memory.
func (v *Vector) Reset() {
	v.I32 = v.I32[:0]
	v.I64 = v.I64[:0]
	switch v.Type {
	case StringList:
		v.Rows = append(v.Rows[:0], 0)
		fallthrough
	case String:
		v.Str.Reset()
	}
}

// appendZeros appends n rows that are 0 or empty.
func (v *Vector) appendZeros(n int) {
	switch v.Type {
	case Int32:
		v.I32 = append(v.I32, make([]int32, n)...)
	case Int64, Timestamp:
		v.I64 = append(v.I64, make([]int64, n)...)
	case String:
		for range n {
			v.Str.Append("")
		}
	case StringList:
		for range n {
			v.Rows = append(v.Rows, int32(v.Str.Len()))
		}
	}
}

// check returns an error unless v has exactly rows rows and valid offsets.
func (v *Vector) check(rows int) error {
	if v.Len() != rows {
		return fmt.Errorf("%d rows, not %d", v.Len(), rows)
	}
	switch v.Type {
	case StringList:
		if err := checkOffsets(v.Rows, v.Str.Len()); err != nil {
			return fmt.Errorf("list %w", err)
		}
		if err := v.Str.check(); err != nil {
			return err
		}
		return v.checkLists()
	case String:
		return v.Str.check()
	}
	return nil
}

// checkLists returns an error if a list of v, whose offsets are valid, is longer than MaxText.
func (v *Vector) checkLists() error {
	for row := range v.Len() {
		from, to := v.Rows[row], v.Rows[row+1]
		size := int64(v.Str.Offsets[to]) - int64(v.Str.Offsets[from]) + 4*int64(to-from)
		if size > MaxText {
			return fmt.Errorf("list %d of %d bytes, more than %d", row, size, MaxText)
		}
	}
	return nil
}

// size returns the size of v in memory and, before compression, in a file, in bytes.
func (v *Vector) size() int64 {
	return 4*int64(len(v.I32)+len(v.Rows)+len(v.Str.Offsets)) + 8*int64(len(v.I64)) + int64(len(v.Str.Data))
}

// keep removes in place all rows except the given ones, whose numbers ascend.
func (v *Vector) keep(rows []int32) {
	switch v.Type {
	case Int32:
		v.I32 = keep(v.I32, rows)
	case Int64, Timestamp:
		v.I64 = keep(v.I64, rows)
	case String:
		v.Str.keep(rows, nil)
	case StringList:
		v.Str.keep(rows, v.Rows)
		next := int32(0)
		for i, row := range rows {
			n := v.Rows[row+1] - v.Rows[row]
			v.Rows[i] = next
			next += n
		}
		v.Rows[len(rows)] = next
		v.Rows = v.Rows[:len(rows)+1]
	}
}

func keep[T int32 | int64](values []T, rows []int32) []T {
	for i, row := range rows {
		values[i] = values[row]
	}
	return values[:len(rows)]
}
