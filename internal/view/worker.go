// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// worker groups the rows of a capture that one goroutine reads.
type worker struct {
	source     *Source
	keys       map[*Key]*boundKey
	prefixes   []*prefix // each after its parent
	partials   []*partialResult
	selections *selections
	memory     *groupMemory
	maxGroups  int // 0: as many as there is memory for
}

// boundKey is a key with the codes of the rows of the current batch.
type boundKey struct {
	coder Coder
	codes []uint64 // by row
	coded bool     // codes is set for the current batch
}

// prefix is a list of keys that one or more groupings begin with, and the groups of the rows by these keys. Groupings
// that begin with the same keys share it.
type prefix struct {
	parent  *prefix   // all keys but the last; nil: there are no keys
	key     *boundKey // the last key
	level   *level
	numbers []int32 // of the groups of the current batch, by row
	bytes   int64   // that a group takes in all that is counted of it
}

// partialResult is a worker's part of the Result of a grouping.
type partialResult struct {
	prefix       *prefix // all keys of the grouping
	hasRows      bool
	where        []*Condition // by aggregate, like accumulators
	accumulators []accumulator
}

func newWorker(s *Source, results []*Result, memory *groupMemory, limit int) (*worker, error) {
	w := &worker{source: s, keys: map[*Key]*boundKey{}, prefixes: []*prefix{{}}, selections: newSelections(s),
		memory: memory, maxGroups: limit}
	for _, r := range results {
		p := &partialResult{prefix: w.prefixes[0]}
		for _, k := range r.keys {
			key, err := w.bind(s, k)
			if err != nil {
				return nil, err
			}
			p.prefix = w.extend(p.prefix, key)
		}
		for _, a := range r.aggregates {
			bound, err := a.bind(s)
			if err != nil {
				return nil, err
			}
			p.accumulators = append(p.accumulators, bound)
			p.prefix.bytes += 2 * bound.groupBytes() // slices grow
			p.where = append(p.where, a.where())
		}
		p.prefix.bytes += resultBytes + keyBytes*int64(len(r.keys))
		w.partials = append(w.partials, p)
	}
	return w, nil
}

func (w *worker) bind(s *Source, k *Key) (*boundKey, error) {
	if w.keys[k] == nil {
		coder, err := k.Bind(s)
		if err != nil {
			return nil, err
		}
		w.keys[k] = &boundKey{coder: coder}
	}
	return w.keys[k], nil
}

// extend returns the prefix that has one more key than parent.
func (w *worker) extend(parent *prefix, key *boundKey) *prefix {
	for _, p := range w.prefixes {
		if p.parent == parent && p.key == key {
			return p
		}
	}
	p := &prefix{parent: parent, key: key, level: newLevel(), bytes: nodeBytes}
	p.level.textCodes = key.coder.texts
	p.level.room = func() bool {
		return (w.maxGroups == 0 || len(p.level.nodes) < w.maxGroups) && w.memory.takeGroup(p.bytes)
	}
	w.prefixes = append(w.prefixes, p)
	return p
}

// add groups the rows of a batch and adds them to the accumulators.
func (w *worker) add(b *format.Batch) error {
	forgetZeros(b, w.source.Calls())
	w.selections.reset(b.Rows)
	for _, k := range w.keys {
		k.coded = false
	}
	for _, p := range w.prefixes {
		p.number(b)
	}
	for _, g := range w.partials {
		g.hasRows = g.hasRows || b.Rows > 0
		for i, a := range g.accumulators {
			a.grow(g.prefix.groups())
			a.add(b, w.selections.of(g.where[i], b), g.prefix.numbers)
			if !w.memory.take(a.grownBytes()) {
				return w.memory.budget.Exceeded("what is counted of the groups")
			}
		}
	}
	return nil
}

// groups is the number of groups, provided that there are rows.
func (p *prefix) groups() int {
	if p.parent == nil {
		return 1
	}
	return len(p.level.nodes)
}

// number sets p.numbers to the groups of the rows of a batch. Its parent must have been numbered.
func (p *prefix) number(b *format.Batch) {
	p.numbers = slices.Grow(p.numbers[:0], b.Rows)[:b.Rows]
	if p.parent == nil {
		return // all rows are in group 0, and no other number was ever written
	}
	if p.parent.level != nil {
		p.level.parentOther = p.parent.level.other
	}
	if p.parent.parent == nil {
		p.level.numberFirst(p.numbers, p.key.codesOf(b))
		return
	}
	p.level.number(p.numbers, p.parent.numbers, p.key.codesOf(b))
}

func (k *boundKey) codesOf(b *format.Batch) []uint64 {
	if !k.coded {
		k.codes = slices.Grow(k.codes[:0], b.Rows)[:b.Rows]
		k.coder.Codes(k.codes, b)
		k.coded = true
	}
	return k.codes
}

// texts returns the texts of the keys of a group, of which there are `keys`.
func (p *prefix) texts(number int32, keys int) []string {
	texts := make([]string, keys)
	for ; keys > 0; keys-- {
		n := p.level.nodes[number]
		texts[keys-1] = p.key.coder.Text(n.code)
		p, number = p.parent, n.parent
	}
	return texts
}
