// SPDX-License-Identifier: Apache-2.0

package format

import "slices"

// rowOrder sorts the rows of a batch so that they compress better: rows with equal
// values in the columns that Schema.Alike names come together, otherwise in their
// old order. It reuses its memory.
type rowOrder struct {
	order, spare []int32
	starts       [1 << digitBits]int32
	reordered    Vector
}

const digitBits = 11 // lowest bits of a value that are compared

// sortRows computes the order for b. Values that differ by a multiple of 2048 are
// taken for equal.
func (a *rowOrder) sortRows(b *Batch) {
	a.order = slices.Grow(a.order[:0], b.Rows)[:b.Rows]
	a.spare = slices.Grow(a.spare[:0], b.Rows)[:b.Rows]
	for i := range a.order {
		a.order[i] = int32(i)
	}
	for _, name := range slices.Backward(b.Schema.Alike) {
		switch v := b.Column(name); v.Type {
		case Int32:
			groupBy(a, v.I32)
		case Int64, Timestamp:
			groupBy(a, v.I64)
		case String:
			groupBy(a, a.firstBytes(&v.Str))
		}
	}
}

// firstBytes returns the first bytes of texts, which are enough to tell the values
// of an enumeration apart.
func (a *rowOrder) firstBytes(s *Strings) []int32 {
	initials := a.reordered.I32[:0]
	for i := range s.Len() {
		c := int32(0)
		if s.Offsets[i] < s.Offsets[i+1] {
			c = int32(s.Data[s.Offsets[i]])
		}
		initials = append(initials, c)
	}
	a.reordered.I32 = initials
	return initials
}

// reorder returns a column in the computed order, valid until the next call. The
// column must not be a list.
func (a *rowOrder) reorder(v *Vector) *Vector {
	to := &a.reordered
	to.Type = v.Type
	switch v.Type {
	case Int32:
		if constant(v.I32) {
			return v
		}
		to.I32 = reorder(to.I32, v.I32, a.order)
	case Int64, Timestamp:
		if constant(v.I64) {
			return v
		}
		to.I64 = reorder(to.I64, v.I64, a.order)
	case String:
		to.Str.Reset()
		for _, row := range a.order {
			to.Str.Data = append(to.Str.Data, v.Str.Bytes(int(row))...)
			to.Str.Offsets = append(to.Str.Offsets, int32(len(to.Str.Data)))
		}
	}
	return to
}

// groupBy sorts the order by the low bits of the values. It is a stable counting sort.
func groupBy[T int32 | int64](a *rowOrder, values []T) {
	clear(a.starts[:])
	for _, v := range values {
		a.starts[v&(1<<digitBits-1)]++
	}
	sum := int32(0)
	for d, n := range a.starts {
		a.starts[d] = sum
		sum += n
	}
	for _, row := range a.order {
		d := values[row] & (1<<digitBits - 1)
		a.spare[a.starts[d]] = row
		a.starts[d]++
	}
	a.order, a.spare = a.spare, a.order
}

func reorder[T int32 | int64](to, values []T, order []int32) []T {
	to = slices.Grow(to[:0], len(order))[:len(order)]
	for i, row := range order {
		to[i] = values[row]
	}
	return to
}

func constant[T int32 | int64](values []T) bool {
	for _, v := range values {
		if v != values[0] {
			return false
		}
	}
	return true
}
