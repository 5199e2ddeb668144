// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// step is a node made ready for a table.
type step struct {
	op     operation
	value  bool    // opConst
	kids   []*step // cheapest first
	leaf   *leaf
	not    bool // opLeaf: the comparison's result is turned round
	source source
	column string      // the table's: the values, or the ids that lead to them
	typ    format.Type // of it
	other  string      // sourcePair: the second column
	memory verdicts    // of ids
	cost   int         // of a row, by rank
}

// source is where the values of a comparison come from.
type source uint8

const (
	sourceNumber source = iota // the table's
	sourceText
	sourceList
	sourcePair // two numbers of the table's
	sourceTask // by id
	sourcePath
	sourceCall
)

// byTask are the names that lead through column task.
var byTask = map[string]kinds{
	"comm": text, "exe": text, "container": text, "cgroup": text | number,
	"tid": number, "pid": number, "ppid": number, "uid": number, "gid": number,
}

// bind resolves the names of an expression and drops what is known already.
func (b *Bound) bind(n *node, table *format.Schema) *step {
	switch n.op {
	case opConst:
		return &step{op: opConst, value: n.value}
	case opLeaf:
		s := b.bindLeaf(n.leaf, table)
		if s.op == opConst {
			s.value = s.value != n.not
		}
		s.not = n.not
		return s
	}
	s := &step{op: n.op}
	decisive := n.op == opOr
	for _, k := range n.kids {
		kid := b.bind(k, table)
		switch {
		case kid.op == opConst && kid.value == decisive:
			return kid
		case kid.op == opConst:
		case kid.op == s.op:
			s.kids = append(s.kids, kid.kids...)
		default:
			s.kids = append(s.kids, kid)
		}
	}
	switch len(s.kids) {
	case 0:
		return &step{op: opConst, value: !decisive}
	case 1:
		return s.kids[0]
	}
	slices.SortStableFunc(s.kids, func(a, b *step) int { return a.cost - b.cost })
	for _, k := range s.kids {
		s.cost += k.cost
	}
	return s
}

func (b *Bound) bindLeaf(l *leaf, table *format.Schema) *step {
	s := &step{op: opLeaf, leaf: l}
	own := func(name string) (format.Type, bool) {
		if a, ok := aliases[name]; ok && table.Index(name) < 0 {
			name = a
		}
		i := table.Index(name)
		if i < 0 {
			return 0, false
		}
		s.column = name
		return table.Columns[i].Type, true
	}
	id := func(name string, by source) bool {
		t, ok := own(name)
		if !ok || t != format.Int32 || b.env == nil {
			return false
		}
		s.typ, s.source, s.cost = t, by, 4
		if l.texts != nil && l.texts.op == textMatches {
			s.cost = 5
		}
		return true
	}
	absent := &step{op: opConst}

	if l.other != "" {
		t, ok := own(l.other)
		s.other = s.column
		first, okFirst := own(l.name)
		if !ok || !okFirst || !isNumber(t) || !isNumber(first) {
			return absent
		}
		s.typ, s.source, s.cost = first, sourcePair, 2
		return s
	}
	if t, ok := own(l.name); ok {
		s.typ = t
		switch wants := l.wants(); {
		case wants == number && isNumber(t):
			if l.numbers.empty() || l.numbers.full() {
				return &step{op: opConst, value: l.numbers.full() != l.not}
			}
			s.source, s.cost = sourceNumber, 1
			if l.numbers.values != nil {
				s.cost = 3
			}
			return s
		case wants == text && t == format.String:
			s.source, s.cost = sourceText, 6
			return s
		case wants != number && t == format.StringList:
			s.source, s.cost = sourceList, 8
			return s
		}
	}
	if v := l.ofTable(table.Table); v != maybe {
		return &step{op: opConst, value: v == yes}
	}
	if l.numbers != nil && l.numbers.empty() && !l.not {
		return absent
	}
	switch {
	case l.member:
	case byTask[l.name]&l.wants() != 0 && id("task", sourceTask):
		return s
	case l.name == "name" && l.texts != nil && (id("nr", sourceCall) || id("path", sourcePath)):
		return s
	}
	return absent
}

func isNumber(t format.Type) bool {
	return t == format.Int32 || t == format.Int64 || t == format.Timestamp
}
