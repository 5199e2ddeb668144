//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

// References are the ids of one dimension that a generation's batches refer to.
type references struct {
	generation int
	seen       map[int64]struct{}
	missing    []int64          // not yet among the generation's rows
	recent     [recentIDs]int64 // seen lately, by the id's low bits
}

const recentIDs = 1 << 10

func newReferences(generation int) *references {
	return &references{generation: generation, seen: make(map[int64]struct{})}
}

func (r *references) add(id int64) {
	if id <= 0 || r.recent[id&(recentIDs-1)] == id {
		return
	}
	r.recent[id&(recentIDs-1)] = id
	if _, ok := r.seen[id]; !ok {
		r.seen[id] = struct{}{}
		r.missing = append(r.missing, id)
	}
}

// addAll takes a batch's column. Its events come in runs of few tasks.
func (r *references) addAll(ids []int32) {
	var last int32
	for _, id := range ids {
		if id != last {
			r.add(int64(id))
			last = id
		}
	}
}
