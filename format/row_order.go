// SPDX-License-Identifier: Apache-2.0

package format

import "slices"

// rowOrder sorts the rows of a batch so that they compress better: rows with equal
// values in the columns Schema.GroupBy become neighbours, and keep their order among
// each other. It reuses its memory.
type rowOrder struct {
	order, spare []int32
	starts       [1 << digitBits]int32
	reordered    Vector
}

const digitBits = 11 // only so many low bits of a value are compared

// sortRows computes the order for b. Values that differ by a multiple of 2048 count
// as equal.
func (o *rowOrder) sortRows(b *Batch) {
	o.order = slices.Grow(o.order[:0], b.Rows)[:b.Rows]
	o.spare = slices.Grow(o.spare[:0], b.Rows)[:b.Rows]
	for i := range o.order {
		o.order[i] = int32(i)
	}
	for _, name := range slices.Backward(b.Schema.GroupBy) {
		switch v := b.Column(name); v.Type {
		case Int32:
			sortByLowBits(o, v.I32)
		case Int64, Timestamp:
			sortByLowBits(o, v.I64)
		case String:
			sortByLowBits(o, o.firstBytes(&v.Str))
		}
	}
}

// firstBytes returns the first byte of each text, 0 for an empty one. That is enough
// to tell the values of an enumeration apart.
func (o *rowOrder) firstBytes(s *Strings) []int32 {
	initials := o.reordered.I32[:0]
	for i := range s.Len() {
		c := int32(0)
		if s.Offsets[i] < s.Offsets[i+1] {
			c = int32(s.Data[s.Offsets[i]])
		}
		initials = append(initials, c)
	}
	o.reordered.I32 = initials
	return initials
}

// reorder returns a column in the computed order, valid until the next call. The
// column must not be a list.
func (o *rowOrder) reorder(v *Vector) *Vector {
	to := &o.reordered
	to.Type = v.Type
	switch v.Type {
	case Int32:
		if constant(v.I32) {
			return v
		}
		to.I32 = reorder(to.I32, v.I32, o.order)
	case Int64, Timestamp:
		if constant(v.I64) {
			return v
		}
		to.I64 = reorder(to.I64, v.I64, o.order)
	case String:
		to.Str.Reset()
		for _, row := range o.order {
			to.Str.Data = append(to.Str.Data, v.Str.Bytes(int(row))...)
			to.Str.Offsets = append(to.Str.Offsets, int32(len(to.Str.Data)))
		}
	}
	return to
}

// sortByLowBits sorts the order by the low bits of the values, with a stable counting sort.
func sortByLowBits[T int32 | int64](o *rowOrder, values []T) {
	clear(o.starts[:])
	for _, v := range values {
		o.starts[v&(1<<digitBits-1)]++
	}
	sum := int32(0)
	for d, n := range o.starts {
		o.starts[d] = sum
		sum += n
	}
	for _, row := range o.order {
		d := values[row] & (1<<digitBits - 1)
		o.spare[o.starts[d]] = row
		o.starts[d]++
	}
	o.order, o.spare = o.spare, o.order
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
