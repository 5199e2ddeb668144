// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"slices"
)

const (
	sampleRows  = 8 << 10
	maxDistinct = 1 << 16 // values of a dictionary
	maxRange    = 1 << 16 // greatest less least value up to which a table is used instead of a hash table

	// Integers get a dictionary if at most one in sureDivisor rows has a new value, and none if more than one in
	// maxDivisor has. In between a sample decides.
	sureDivisor = 8
	maxDivisor  = 2
)

// dictionary numbers integers in order of appearance.
type dictionary struct {
	table []uint32 // by value less the least value: number plus 1
	slots []slot   // a hash table with open addressing
	used  []uint32 // indexes of the slots in use
}

type slot struct {
	value  uint64
	number uint32 // plus 1; 0 is an empty slot
}

// number sets e.numbers to the numbers of values in a dictionary, and returns that. ok is false if values do not
// deserve a dictionary.
func number[T integer](e *encoder, values []T, least, greatest T) (distinct []T, ok bool) {
	e.numbers = slices.Grow(e.numbers[:0], len(values))[:len(values)]
	if spread := uint64(greatest) - uint64(least); spread < maxRange {
		return numberByTable(e, values, least, int(spread)+1)
	}
	return numberByHash(e, values)
}

// worthDictionary reports whether values may get a dictionary, if the first rows of them have so many distinct ones.
func worthDictionary(distinct, rows int) bool {
	return distinct <= maxDistinct && (rows < sampleRows || distinct <= rows/maxDivisor)
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
	return distinct, worthDictionary(len(distinct), len(values))
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
			if len(distinct) >= maxDistinct || i >= sampleRows && !worthDictionary(len(distinct), i) {
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
	return distinct, worthDictionary(len(distinct), len(values))
}
