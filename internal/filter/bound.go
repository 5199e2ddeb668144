// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// Bound is a program made ready for one table. It remembers what it learnt of
// ids, so it is for one goroutine: bind once for each.
type Bound struct {
	root    *step
	columns []string
	env     *Env
	scratch [][]uint64 // by depth
	line    []byte
}

// Bind prepares the program for the batches of a table, all of its columns or
// some. Without an env nothing is known of what ids stand for.
func (p *Program) Bind(table *format.Schema, env *Env) (*Bound, error) {
	if table == nil {
		return nil, fmt.Errorf("binding filter: no table")
	}
	b := &Bound{env: env}
	var err error
	if b.root, err = b.bind(p.root, table); err != nil {
		return nil, err
	}
	b.need(b.root)
	return b, nil
}

// Columns returns the columns of the table that Match looks at; a batch must
// have them.
func (b *Bound) Columns() []string { return b.columns }

// Never reports whether no row of the table can match.
func (b *Bound) Never() bool { return b.root.op == opConst && !b.root.value }

// Match returns the rows of a batch that match. It reuses the memory of sel.
func (b *Bound) Match(batch *format.Batch, sel Selection) Selection {
	n := (batch.Rows + 63) / 64
	if cap(sel) < n {
		sel = make(Selection, n)
	}
	sel = sel[:n]
	for i := range sel {
		sel[i] = ^uint64(0)
	}
	if tail := batch.Rows % 64; tail != 0 {
		sel[n-1] = 1<<tail - 1
	}
	b.refine(b.root, batch, sel, 0)
	return sel
}

// refine takes from sel the rows that do not match. Rows already out are not
// looked at one by one, so what is cheap goes first.
func (b *Bound) refine(s *step, batch *format.Batch, sel []uint64, depth int) {
	switch s.op {
	case opConst:
		if !s.value {
			clear(sel)
		}
	case opLeaf:
		b.compare(s, batch, sel)
	case opAnd:
		for _, k := range s.kids {
			b.refine(k, batch, sel, depth)
			if !anySet(sel) {
				return
			}
		}
	case opOr:
		for len(b.scratch) < 2*depth+2 {
			b.scratch = append(b.scratch, nil)
		}
		// rest: not yet found by a kid; try: what one kid makes of it.
		rest := append(b.scratch[2*depth][:0], sel...)
		try := b.scratch[2*depth+1]
		for _, k := range s.kids {
			try = append(try[:0], rest...)
			b.refine(k, batch, try, depth+1)
			for i := range rest {
				rest[i] &^= try[i]
			}
			if !anySet(rest) {
				break
			}
		}
		for i := range sel {
			sel[i] &^= rest[i]
		}
		b.scratch[2*depth], b.scratch[2*depth+1] = rest, try
	}
}

func anySet(sel []uint64) bool {
	for _, w := range sel {
		if w != 0 {
			return true
		}
	}
	return false
}

// need collects the columns of a step.
func (b *Bound) need(s *step) {
	for _, c := range []string{s.column.Name, s.other} {
		if s.op == opLeaf && c != "" && !slices.Contains(b.columns, c) {
			b.columns = append(b.columns, c)
		}
	}
	for _, k := range s.kids {
		b.need(k)
	}
}
