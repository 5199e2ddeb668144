// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// worker groups those rows of a capture that one goroutine reads.
type worker struct {
	keys      map[*Key]*boundKey
	prefixes  []*prefix // each after the one that it continues
	groupings []*partial
	selected  *selections
	limit     int
}

// boundKey is a key with the codes of the rows of a batch.
type boundKey struct {
	coder Coder
	codes []uint64
	made  bool // for this batch
}

// prefix is the first few keys of some groupings, with the groups that rows have by them.
type prefix struct {
	before  *prefix // nil: no keys
	key     *boundKey
	level   *level
	numbers []int32 // of the groups of the rows of a batch
}

// partial is what a worker has of a grouping.
type partial struct {
	prefix       *prefix
	hasRows      bool // of the capture
	where        []*Condition
	accumulators []accumulator
}

func newWorker(s *Source, results []*Result, limit int) (*worker, error) {
	w := &worker{keys: map[*Key]*boundKey{}, prefixes: []*prefix{{}}, selected: newSelections(), limit: limit}
	if limit == 0 {
		w.limit = maxGroups
	}
	for _, r := range results {
		p := &partial{prefix: w.prefixes[0]}
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
			p.where = append(p.where, a.where())
		}
		w.groupings = append(w.groupings, p)
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

// extend is a prefix with one key more.
func (w *worker) extend(before *prefix, key *boundKey) *prefix {
	for _, p := range w.prefixes {
		if p.before == before && p.key == key {
			return p
		}
	}
	p := &prefix{before: before, key: key, level: newLevel()}
	w.prefixes = append(w.prefixes, p)
	return p
}

// add groups and counts a batch.
func (w *worker) add(b *format.Batch) error {
	w.selected.reset(b.Rows)
	for _, k := range w.keys {
		k.made = false
	}
	for _, p := range w.prefixes {
		p.number(b)
		if n := p.groups(); n > w.limit {
			return fmt.Errorf("more than %d groups", w.limit)
		}
	}
	for _, g := range w.groupings {
		g.hasRows = g.hasRows || b.Rows > 0
		for i, a := range g.accumulators {
			a.grow(g.prefix.groups())
			a.add(b, w.selected.of(g.where[i], b), g.prefix.numbers)
		}
	}
	return nil
}

// groups is how many groups there are, if there are rows.
func (p *prefix) groups() int {
	if p.before == nil {
		return 1
	}
	return len(p.level.nodes)
}

// number finds the groups of the rows of a batch.
func (p *prefix) number(b *format.Batch) {
	p.numbers = slices.Grow(p.numbers[:0], b.Rows)[:b.Rows]
	if p.before == nil {
		return // all are 0
	}
	if p.before.before == nil {
		p.level.numberFirst(p.numbers, p.key.codesOf(b))
		return
	}
	p.level.number(p.numbers, p.before.numbers, p.key.codesOf(b))
}

func (k *boundKey) codesOf(b *format.Batch) []uint64 {
	if !k.made {
		k.codes = slices.Grow(k.codes[:0], b.Rows)[:b.Rows]
		k.coder.Codes(k.codes, b)
		k.made = true
	}
	return k.codes
}

// texts are what the keys of a group are for a person.
func (p *prefix) texts(number int32, keys int) []string {
	texts := make([]string, keys)
	for ; keys > 0; keys-- {
		n := p.level.nodes[number]
		texts[keys-1] = p.key.coder.Text(n.code)
		p, number = p.before, n.parent
	}
	return texts
}
