// SPDX-License-Identifier: Apache-2.0

package filter

// verdicts remembers what ask said of ids. Tasks and paths are numbered from 1
// without gaps, so a table serves; ids past its end, which only a hostile file
// has by the million, are remembered up to a number.
type verdicts struct {
	table []verdict
	far   map[int64]bool
}

type verdict uint8

const (
	unasked  verdict = 0
	mismatch verdict = 1
	match    verdict = 2 // the only one with this bit
)

const (
	maxTable = 1 << 20
	maxFar   = 1 << 16
)

func (v *verdicts) keep(id int64, m bool) {
	if uint64(id) >= maxTable {
		if v.far == nil {
			v.far = map[int64]bool{}
		}
		if len(v.far) < maxFar {
			v.far[id] = m
		}
		return
	}
	if n := int(id) + 1; n > len(v.table) {
		v.table = append(v.table, make([]verdict, max(n, min(2*n, maxTable))-len(v.table))...)
	}
	v.table[id] = mismatch
	if m {
		v.table[id] = match
	}
}
