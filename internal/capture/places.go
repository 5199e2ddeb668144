// SPDX-License-Identifier: Apache-2.0

package capture

// places leads from the ids of a dimension to where they are in its list, whose entry 0 stands for all that are not known.
type places struct {
	low   int64   // the id of dense[0]
	dense []int32 // id-low to place; nil where the ids are too far apart
	far   map[int32]int32
}

// newPlaces makes the way from id to place in a list of n entries. An id that was announced again, as after a dropped
// segment, keeps its first place.
func newPlaces(n int, id func(i int) int32) places {
	var p places
	if n < 2 {
		return p
	}
	low, high := int64(id(1)), int64(id(1))
	for i := 2; i < n; i++ {
		low, high = min(low, int64(id(i))), max(high, int64(id(i)))
	}
	if high-low < 8*int64(n)+1<<16 {
		p.low, p.dense = low, make([]int32, high-low+1)
	} else {
		p.far = make(map[int32]int32, n)
	}
	for i := n - 1; i > 0; i-- {
		switch id := id(i); {
		case id == 0: // means unknown
		case p.dense != nil:
			p.dense[int64(id)-low] = int32(i)
		default:
			p.far[id] = int32(i)
		}
	}
	return p
}

// Index is the place of an id in the list, 0 where it is not known.
func (p *places) Index(id int32) int32 {
	if at := int64(id) - p.low; at >= 0 && at < int64(len(p.dense)) {
		return p.dense[at]
	}
	return p.far[id]
}
