// SPDX-License-Identifier: Apache-2.0

package capture

import "github.com/fletch-trace/fletch/format"

// idIndex maps the ids of a dimension to its rows. Row 0 stands for all unknown ids.
type idIndex struct {
	rows   int
	low    int64           // the id of dense[0]
	dense  []int32         // row by id-low; nil if the ids are too far apart
	sparse map[int64]int32 // row by id, instead of dense
}

// indexBytes is what a row takes in an index, if its id is not next to that of another.
const indexBytes = 40

// newIDIndex indexes a column of ids. An id that was announced several times, as after a dropped segment, leads to its
// first row.
func newIDIndex(ids *format.Vector) *idIndex {
	id := func(i int) int64 { return 0 } // column of another type: all ids are unknown
	switch ids.Type {
	case format.Int32:
		id = func(i int) int64 { return int64(ids.I32[i]) }
	case format.Int64:
		id = func(i int) int64 { return ids.I64[i] }
	}
	n := ids.Len()
	p := &idIndex{rows: n}
	if n < 2 {
		return p
	}
	low, high := id(1), id(1)
	for i := 2; i < n; i++ {
		low, high = min(low, id(i)), max(high, id(i))
	}
	if span := uint64(high) - uint64(low); span < 8*uint64(n)+1<<16 {
		p.low, p.dense = low, make([]int32, span+1)
	} else {
		p.sparse = make(map[int64]int32, n)
	}
	for i := n - 1; i > 0; i-- {
		switch id := id(i); {
		case id == 0:
		case p.dense != nil:
			p.dense[id-low] = int32(i)
		default:
			p.sparse[id] = int32(i)
		}
	}
	return p
}

// row returns the row of an id, 0 if it is unknown.
func (p *idIndex) row(id int64) int32 {
	if at := uint64(id - p.low); at < uint64(len(p.dense)) {
		return p.dense[at]
	}
	return p.sparse[id]
}
