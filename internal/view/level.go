// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math/bits"
	"math/rand/v2"
)

// level numbers the groups of the first k keys. The groups form a tree: a group of the first k keys is part of a group
// of the first k-1, its parent, and differs from the other parts by the code of the last key. Numbers begin at 0 and
// are assigned in the order of appearance.
type level struct {
	nodes []node  // by number
	small []int32 // number+1 of groups of parent 0, by their code, if it is below smallCodes; 0: no such group
	// slots is a hash table of all other groups, with linear probing: number+1; 0: free. Its size is a power of 2.
	slots []int32
	used  int // of slots
	// room takes memory for one more group and reports whether there was any. If not, the row is in the group other,
	// as are all rows of parents that are the group other of the keys before. nil: there is room for all.
	room        func() bool
	other       int32     // its number; -1: there is none
	parentOther int32     // likewise, of the keys before; -1 is no parent
	textCodes   bool      // otherCode stands for texts that there was no room for
	seed        [2]uint64 // random, so that the author of a hostile capture cannot choose codes that collide
}

// node identifies a group.
type node struct {
	parent int32 // number of the parent
	code   uint64
}

// smallCodes is the number of codes that a table indexed by code is used for, which is faster than hashing.
const smallCodes = 1 << 16

func newLevel() *level {
	return &level{slots: make([]int32, 64), other: -1, parentOther: -1, seed: [2]uint64{rand.Uint64(), rand.Uint64()}}
}

// number sets numbers to the groups of rows that have these parents and codes. numbers and parents may be the same
// slice.
func (l *level) number(numbers, parents []int32, codes []uint64) {
	parents, numbers = parents[:len(codes)], numbers[:len(codes)]
	last, number := node{parent: -1}, int32(0)
	for i, code := range codes {
		if at := (node{parents[i], code}); at != last {
			last, number = at, l.find(at)
		}
		numbers[i] = number
	}
}

// numberFirst is number for the first key, where all parents are 0.
func (l *level) numberFirst(numbers []int32, codes []uint64) {
	numbers = numbers[:len(codes)]
	small := l.small
	for i, code := range codes {
		if code < uint64(len(small)) && small[code] != 0 {
			numbers[i] = small[code] - 1
			continue
		}
		numbers[i] = l.find(node{0, code})
		small = l.small
	}
}

// find returns the number of a group, and adds the group if it is new.
func (l *level) find(at node) int32 {
	if at.parent == l.parentOther || at.code == otherCode && l.textCodes {
		return l.otherGroup()
	}
	if at.parent == 0 && at.code < smallCodes {
		for uint64(len(l.small)) <= at.code {
			l.small = append(l.small, make([]int32, max(256, len(l.small)))...)
		}
		if l.small[at.code] == 0 {
			if !l.hasRoom() {
				return l.otherGroup()
			}
			l.small[at.code] = l.add(at) + 1
		}
		return l.small[at.code] - 1
	}
	slot := l.slot(at)
	for ; l.slots[slot] != 0; slot = (slot + 1) & (len(l.slots) - 1) {
		if n := l.slots[slot] - 1; l.nodes[n] == at {
			return n
		}
	}
	if !l.hasRoom() {
		return l.otherGroup()
	}
	n := l.add(at)
	l.slots[slot] = n + 1
	if l.used++; 2*l.used > len(l.slots) {
		l.grow()
	}
	return n
}

func (l *level) hasRoom() bool { return l.room == nil || l.room() }

// otherGroup returns the number of the group of all rows that there is no room for a group of their own for.
func (l *level) otherGroup() int32 {
	if l.other < 0 {
		l.other = l.add(node{parent: -1})
	}
	return l.other
}

func (l *level) add(at node) int32 {
	l.nodes = append(l.nodes, at)
	return int32(len(l.nodes) - 1)
}

// slot is where probing for a group begins.
func (l *level) slot(at node) int {
	high, low := bits.Mul64(at.code^l.seed[0], uint64(at.parent)^l.seed[1])
	return int(high^low) & (len(l.slots) - 1)
}

func (l *level) grow() {
	old := l.slots
	l.slots = make([]int32, 4*len(old))
	for _, n := range old {
		if n == 0 {
			continue
		}
		slot := l.slot(l.nodes[n-1])
		for l.slots[slot] != 0 {
			slot = (slot + 1) & (len(l.slots) - 1)
		}
		l.slots[slot] = n
	}
}
