// SPDX-License-Identifier: Apache-2.0

package merge

import (
	"cmp"
	"math/bits"
	"slices"
)

// Order sorts the rows of a block by time. It reuses its memory. The zero value is ready to use.
type Order struct {
	keys, scratch []uint64
}

const (
	rowBits   = 24  // bits of a row number in a packed key, enough for format.MaxRows
	digitBits = 11  // sorted by in one pass of the radix sort
	fewRows   = 512 // with fewer a comparison sort is faster
)

// Sort sorts rows by time, which is ts[row] in ns. Rows with the same time keep their order. rows must be ascending.
func (o *Order) Sort(ts []int64, rows []int32) {
	lo, hi, sorted := bounds(ts, rows)
	if sorted {
		return
	}
	width := bits.Len64(uint64(hi) - uint64(lo))
	if width > 64-rowBits {
		slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(ts[a], ts[b]) })
		return
	}
	o.keys = slices.Grow(o.keys[:0], len(rows))[:len(rows)]
	for i, row := range rows {
		o.keys[i] = (uint64(ts[row])-uint64(lo))<<rowBits | uint64(row)
	}
	if len(rows) < fewRows {
		slices.Sort(o.keys)
	} else {
		o.radix(width)
	}
	for i, k := range o.keys {
		rows[i] = int32(k & (1<<rowBits - 1))
	}
}

func bounds(ts []int64, rows []int32) (lo, hi int64, sorted bool) {
	if len(rows) == 0 {
		return 0, 0, true
	}
	lo, hi, sorted = ts[rows[0]], ts[rows[0]], true
	prev := lo
	for _, row := range rows {
		t := ts[row]
		lo, hi = min(lo, t), max(hi, t)
		sorted = sorted && t >= prev
		prev = t
	}
	return lo, hi, sorted
}

// radix sorts keys by their time, which has width bits, with the least significant digit first. It is stable.
func (o *Order) radix(width int) {
	o.scratch = slices.Grow(o.scratch[:0], len(o.keys))[:len(o.keys)]
	for shift := rowBits; shift < rowBits+width; shift += digitBits {
		var starts [1 << digitBits]int32
		for _, k := range o.keys {
			starts[k>>shift&(1<<digitBits-1)]++
		}
		sum := int32(0)
		for d, n := range starts {
			starts[d] = sum
			sum += n
		}
		for _, k := range o.keys {
			d := k >> shift & (1<<digitBits - 1)
			o.scratch[starts[d]] = k
			starts[d]++
		}
		o.keys, o.scratch = o.scratch, o.keys
	}
}
