// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// Result has the groups of a Grouping over all captures, identified by the texts of their keys.
type Result struct {
	keys         []*Key
	aggregates   []aggregate // without duplicates
	accumulators map[aggregate]accumulator
	groups       []Group          // by number
	numbers      map[string]int32 // of the groups, by groupID
	other        *Group           // nil: all rows are in groups; its number is that of an entry of groups
}

// Group is one group of a result.
type Group struct {
	Texts []string // of the keys, in the order of Grouping.By
	Other bool     // it has the rows that there was no room for in groups of their own

	number int32
	result *Result
}

func (g *Group) of(a aggregate) accumulator { return g.result.accumulators[a] }

func newResult(g Grouping) (*Result, error) {
	r := &Result{keys: g.By, accumulators: map[aggregate]accumulator{}, numbers: map[string]int32{}}
	for _, v := range g.Count {
		for _, a := range v.aggregates() {
			if r.accumulators[a] != nil {
				continue
			}
			bound, err := a.bind(nil)
			if err != nil {
				return nil, err
			}
			r.aggregates = append(r.aggregates, a)
			r.accumulators[a] = bound
		}
	}
	return r, nil
}

// merge adds the groups of a worker.
func (r *Result) merge(p *partialResult) {
	if !p.hasRows {
		return
	}
	keys := len(r.keys)
	for from := range int32(p.prefix.groups()) {
		var to int32
		if p.prefix.level != nil && from == p.prefix.level.other {
			to = r.otherNumber()
		} else {
			to = r.number(p.prefix.texts(from, keys))
		}
		for i, a := range r.aggregates {
			sum := r.accumulators[a]
			sum.grow(len(r.groups))
			sum.merge(to, p.accumulators[i], from)
		}
	}
}

// number returns the number of the group with these texts, and adds the group if it is new.
func (r *Result) number(texts []string) int32 {
	id := groupID(texts)
	n, ok := r.numbers[id]
	if !ok {
		n = int32(len(r.groups))
		r.numbers[id] = n
		r.groups = append(r.groups, Group{Texts: texts, number: n, result: r})
	}
	return n
}

// otherText stands for each key of the group other.
const otherText = "(other)"

// otherNumber returns the number of the group other.
func (r *Result) otherNumber() int32 {
	if r.other == nil {
		r.other = &Group{Texts: slices.Repeat([]string{otherText}, len(r.keys)), Other: true,
			number: int32(len(r.groups)), result: r}
		r.groups = append(r.groups, *r.other)
	}
	return r.other.number
}

// Other returns the group of the rows that there was no room for in groups of their own, nil if there are none. It is
// in no other list of groups.
func (r *Result) Other() *Group { return r.other }

// groupID encodes texts so that different lists have different ids.
func groupID(texts []string) string {
	var id []byte
	for _, text := range texts {
		id = append(binary.AppendUvarint(id, uint64(len(text))), text...)
	}
	return string(id)
}

// Group returns the group whose keys have these texts, nil if there is none.
func (r *Result) Group(texts ...string) *Group {
	if n, ok := r.numbers[groupID(texts)]; ok {
		return &r.groups[n]
	}
	return nil
}

// Len is the number of groups, without Other.
func (r *Result) Len() int {
	if r.other != nil {
		return len(r.groups) - 1
	}
	return len(r.groups)
}

// Total returns the only group of a grouping without keys. It exists even if there were no rows.
func (r *Result) Total() *Group {
	g := &Group{number: r.number(nil), result: r}
	for _, a := range r.accumulators {
		a.grow(1)
	}
	return g
}

// compareTexts orders groups by the texts of their keys, those of numbers by the number; unknown ones come first.
func (r *Result) compareTexts(a, b []string) int {
	for i, k := range r.keys {
		if k.Number {
			x, errX := strconv.ParseInt(a[i], 10, 64)
			y, errY := strconv.ParseInt(b[i], 10, 64)
			switch {
			case errX == nil && errY == nil && x != y:
				return cmp.Compare(x, y)
			case errX == nil && errY != nil:
				return 1
			case errX != nil && errY == nil:
				return -1
			}
		}
		if order := strings.Compare(a[i], b[i]); order != 0 {
			return order
		}
	}
	return 0
}

// Top returns the n groups with the greatest numbers, the greatest first, or all groups if n is 0. Groups with the same
// number are in the order of their texts; so are all groups if by is nil.
func (r *Result) Top(n int, by Number) []*Group {
	type entry struct {
		*Group
		value int64
	}
	entries := make([]entry, 0, len(r.groups))
	for i := range r.groups {
		if r.groups[i].Other {
			continue
		}
		e := entry{Group: &r.groups[i]}
		if by != nil {
			e.value = by.Of(&r.groups[i])
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.value, a.value), r.compareTexts(a.Texts, b.Texts))
	})
	if n > 0 && n < len(entries) {
		entries = entries[:n]
	}
	top := make([]*Group, len(entries))
	for i, e := range entries {
		top[i] = e.Group
	}
	return top
}
