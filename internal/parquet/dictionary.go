// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"slices"
)

const (
	sampleRows  = 8 << 10
	maxDistinct = 1 << 16 // values of a dictionary
	maxRange    = 1 << 16 // of values that are numbered by a table

	// A dictionary is made without more ado for up to 1/sureShare as many integers as rows, and never for more than
	// 1/dictShare; in between a sample decides.
	sureShare = 8
	dictShare = 2
)

// dictionary numbers integers. Entries are numbers plus 1.
type dictionary struct {
	table []uint32 // by value, less the least one
	slots []slot   // by hash
	used  []uint32 // of slots
}

type slot struct {
	value  uint64
	number uint32
}

// number makes e.numbers the numbers of values in a dictionary, which it gives; ok is false where one does not pay.
func number[T integer](e *encoder, values []T, least, most T) (distinct []T, ok bool) {
	e.numbers = slices.Grow(e.numbers[:0], len(values))[:len(values)]
	if spread := uint64(most) - uint64(least); spread < maxRange {
		return numberByTable(e, values, least, int(spread)+1)
	}
	return numberByHash(e, values)
}

// pays says whether a dictionary of so many values is worth it, after so many rows.
func pays(distinct, rows int) bool {
	return distinct <= maxDistinct && (rows < sampleRows || distinct <= rows/dictShare)
}

func numberByTable[T integer](e *encoder, values []T, least T, size int) (distinct []T, ok bool) {
	if cap(e.dict.table) < size {
		e.dict.table = make([]uint32, maxRange)
	}
	table := e.dict.table[:size]
	clear(table)
	for i, v := range values {
		at := &table[uint64(v)-uint64(least)]
		if *at == 0 {
			distinct = append(distinct, v)
			*at = uint32(len(distinct))
		}
		e.numbers[i] = *at - 1
	}
	return distinct, pays(len(distinct), len(values))
}

func numberByHash[T integer](e *encoder, values []T) (distinct []T, ok bool) {
	const shift = 64 - 17
	if e.dict.slots == nil {
		e.dict.slots = make([]slot, 1<<(64-shift))
	}
	slots := e.dict.slots
	for _, at := range e.dict.used {
		slots[at] = slot{}
	}
	used := e.dict.used[:0]
	for i, v := range values {
		at := uint64(v) * 0x9e3779b97f4a7c15 >> shift
		for slots[at].number != 0 && slots[at].value != uint64(v) {
			at = (at + 1) & (1<<(64-shift) - 1)
		}
		if slots[at].number == 0 {
			if len(distinct) >= maxDistinct || i >= sampleRows && !pays(len(distinct), i) {
				e.dict.used = used
				return nil, false
			}
			distinct = append(distinct, v)
			slots[at] = slot{uint64(v), uint32(len(distinct))}
			used = append(used, uint32(at))
		}
		e.numbers[i] = slots[at].number - 1
	}
	e.dict.used = used
	return distinct, pays(len(distinct), len(values))
}
