// SPDX-License-Identifier: Apache-2.0

package filter

import "github.com/fletch-trace/fletch/format"

// Limits of an expression: generous for people, and they bound the stack.
const (
	maxSource = 16 << 10 // bytes
	maxDepth  = 64       // of && within || within && ...
)

// Program is a compiled expression. It is immutable.
type Program struct{ root *node }

// Compile compiles an expression over the tables of the format and those given,
// which may be newer. The error is an *Error.
func Compile(src string, tables ...*format.Schema) (*Program, error) {
	c := compiler{kinds: kindsOf(tables)}
	root, err := c.compile(src)
	if err != nil {
		return nil, err
	}
	return &Program{root}, nil
}

// PruneTable reports whether no row of the table named can match.
func (p *Program) PruneTable(table string) bool {
	v := p.root.fold(func(l *leaf) truth { return l.ofTable(table) })
	return v == no
}

// TimeRange returns the times between which a row that has a ts must lie to
// match, both included, in nanoseconds since the Unix epoch: math.MinInt64 and
// math.MaxInt64 where the expression sets no bound, from > to if nothing can
// match. It says nothing of the rows of tables without ts.
func (p *Program) TimeRange() (from, to int64) { return p.root.times() }
