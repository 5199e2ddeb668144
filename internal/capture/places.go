// SPDX-License-Identifier: Apache-2.0

package capture

import "github.com/fletch-trace/fletch/format"

// places leads from the ids of a dimension to its rows, the first of which stands for all that are not known.
type places struct {
	rows  int
	low   int64   // the id of dense[0]
	dense []int32 // id-low to row; nil where the ids are too far apart
	far   map[int64]int32
}

// newPlaces makes the way from id to row. An id that was announced again, as after a dropped segment, keeps its first
// row.
func newPlaces(ids *format.Vector) *places {
	id := func(i int) int64 { return 0 } // means unknown
	switch ids.Type {
	case format.Int32:
		id = func(i int) int64 { return int64(ids.I32[i]) }
	case format.Int64:
		id = func(i int) int64 { return ids.I64[i] }
	}
	n := ids.Len()
	p := &places{rows: n}
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
		p.far = make(map[int64]int32, n)
	}
	for i := n - 1; i > 0; i-- {
		switch id := id(i); {
		case id == 0:
		case p.dense != nil:
			p.dense[id-low] = int32(i)
		default:
			p.far[id] = int32(i)
		}
	}
	return p
}

// index is the row of an id, 0 where it is not known.
func (p *places) index(id int64) int32 {
	if at := uint64(id - p.low); at < uint64(len(p.dense)) {
		return p.dense[at]
	}
	return p.far[id]
}
