// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"math"

	"github.com/fletch-trace/fletch/format"
)

// Limits of an expression. They are far above what people write, and bound the stack of the compiler.
const (
	maxSource = 16 << 10 // bytes
	maxDepth  = 64       // of nesting && in || in && ...
)

// Program is a compiled expression. It is immutable.
type Program struct {
	root *node
	uses []use // of names in the source; nil if it has none
}

// Compile compiles an expression over the tables of this version and those given, which may be of a newer one. The
// error is an *Error.
func Compile(src string, tables ...*format.Schema) (*Program, error) {
	c := compiler{kinds: kindsOf(tables)}
	root, err := c.compile(src)
	if err != nil {
		return nil, err
	}
	return &Program{root, c.uses}, nil
}

// Between returns a program that selects those rows whose ts is at least from and at most to, in ns since the Unix
// epoch, of those that p selects. p is nil if it selects all rows, and so is the result.
func Between(p *Program, from, to int64) *Program {
	if from == math.MinInt64 && to == math.MaxInt64 {
		return p
	}
	span := &node{op: opLeaf, leaf: &leaf{name: "ts", numbers: &numbers{lo: from, hi: to}}}
	if p == nil {
		return &Program{root: span}
	}
	return &Program{&node{op: opAnd, children: []*node{span, p.root}}, p.uses}
}

// PruneTable reports whether no row of the table named can match.
func (p *Program) PruneTable(table string) bool {
	v := p.root.fold(func(l *leaf) truth { return l.ofTable(table) })
	return v == no
}

// TimeRange returns the range of ts, both ends included, outside of which no row can match, in ns since the Unix epoch.
// It is math.MinInt64 and math.MaxInt64 if the expression sets no bound, and from > to if no row can match. It does not
// apply to tables without ts.
func (p *Program) TimeRange() (from, to int64) { return p.root.times() }
