// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// step is a node that is bound to a table.
type step struct {
	op       operation
	value    bool    // opConst
	children []*step // cheapest first
	leaf     *leaf
	not      bool // opLeaf: the result of the comparison is negated
	source   source
	column   format.Column // of the table: the values, or the ids or call numbers that lead to them
	join     *join         // sourceJoin
	cache    resultCache   // sourceJoin, sourceCall, sourceBoth

	// Of a pair, with sourcePair and sourceBoth:
	kind        kinds // number or text
	left, right *operand

	cost int // relative cost per row
}

// source says where the values of a comparison come from.
type source uint8

const (
	sourceNumber source = iota // a column of integers of the table
	sourceText                 // a column of text or lists of text of the table
	sourceJoin                 // a dimension
	sourceCall                 // the name of a system call
	sourceTable                // the name of the table
	sourcePair                 // two operands
	sourceBoth                 // two operands that the ids or call numbers in one column lead to
)

// bind resolves the names of an expression, and simplifies it by what is known of all rows of the table.
func (b *Bound) bind(n *node, table *format.Schema) (*step, error) {
	switch n.op {
	case opConst:
		return &step{op: opConst, value: n.value}, nil
	case opLeaf:
		s, err := b.bindLeaf(n.leaf, table)
		if err != nil {
			return nil, err
		}
		if s.op == opConst {
			s.value = s.value != n.not
		}
		s.not = n.not
		return s, nil
	}
	s := &step{op: n.op}
	decisive := n.op == opOr
	for _, k := range n.children {
		child, err := b.bind(k, table)
		switch {
		case err != nil:
			return nil, err
		case child.op == opConst && child.value == decisive:
			return child, nil
		case child.op == opConst:
		case child.op == s.op:
			s.children = append(s.children, child.children...)
		default:
			s.children = append(s.children, child)
		}
	}
	switch len(s.children) {
	case 0:
		return &step{op: opConst, value: !decisive}, nil
	case 1:
		return s.children[0], nil
	}
	slices.SortStableFunc(s.children, func(a, b *step) int { return a.cost - b.cost })
	for _, k := range s.children {
		s.cost += k.cost
	}
	return s, nil
}

// bindLeaf resolves the name of a comparison: family, a column of the table, or else a column that its ids lead to.
func (b *Bound) bindLeaf(l *leaf, table *format.Schema) (*step, error) {
	if v := l.ofTable(table.Table); v != maybe {
		return &step{op: opConst, value: v == yes}, nil
	}
	if l.pair != nil {
		return b.bindPair(l, table)
	}
	if own, ok := ownColumn(table, l.name); ok && l.fits(own.Type) {
		return bindOwn(l, own), nil
	}
	if l.numbers != nil && l.numbers.empty() && !l.not {
		return &step{op: opConst}, nil
	}
	return b.bindJoined(l, table)
}

// ownColumn returns the column of the table that a name or alias stands for.
func ownColumn(table *format.Schema, name string) (format.Column, bool) {
	i := table.Index(name)
	if alias, ok := aliases[name]; ok && i < 0 {
		i = table.Index(alias)
	}
	if i < 0 {
		return format.Column{}, false
	}
	return table.Columns[i], true
}

func bindOwn(l *leaf, own format.Column) *step {
	s := &step{op: opLeaf, leaf: l, column: own}
	switch {
	case l.numbers == nil && own.Type == format.StringList:
		s.source, s.cost = sourceText, 8
	case l.numbers == nil:
		s.source, s.cost = sourceText, 6
	case l.numbers.empty() || l.numbers.full():
		return &step{op: opConst, value: l.numbers.full() != l.not}
	case l.numbers.values != nil:
		s.cost = 3
	default:
		s.cost = 1
	}
	return s
}

func (b *Bound) bindJoined(l *leaf, table *format.Schema) (*step, error) {
	s := &step{op: opLeaf, leaf: l, cost: 4}
	if l.texts != nil && l.texts.op == textMatches {
		s.cost = 5
	}
	var err error
	s.source, s.column, s.join, err = b.joined(l.name, l.fits, table)
	if s.join == nil && s.source != sourceCall {
		return &step{op: opConst}, err
	}
	return s, err
}

// joined finds a column that ids or call numbers of the table lead to, and opens the join. Without one, join is nil and
// source is not sourceCall.
func (b *Bound) joined(name string, fits func(format.Type) bool, table *format.Schema) (source, format.Column, *join,
	error) {
	if b.env == nil {
		return 0, format.Column{}, nil, nil
	}
	if (name == nameColumn.Name || name == callName) && fits(nameColumn.Type) {
		for _, c := range table.Columns {
			if isCall(table, c) {
				return sourceCall, c, nil, nil
			}
		}
	}
	j := joinOf(name, fits, table, b.env.Dimensions)
	if j == nil {
		return 0, format.Column{}, nil, nil
	}
	return sourceJoin, j.from, j, j.open(b.env.Dimensions)
}

func isNumber(t format.Type) bool {
	return t == format.Int32 || t == format.Int64 || t == format.Timestamp
}
