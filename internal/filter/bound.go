// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"fmt"
	"slices"

	"github.com/fletch-trace/fletch/format"
)

// Bound is a program bound to one table. It caches results by id, so it is for one goroutine.
type Bound struct {
	root    *step
	columns []string
	env     *Env
	scratch [][]uint64 // buffers of refine: two for each depth
	line    []byte     // buffer of compare and evaluate
}

// Bind binds the program to a table. If env is nil nothing is joined: all ids and calls are unknown.
func (p *Program) Bind(table *format.Schema, env *Env) (*Bound, error) {
	if table == nil {
		return nil, fmt.Errorf("binding filter: no table")
	}
	b := &Bound{env: env}
	var err error
	if b.root, err = b.bind(p.root, table); err != nil {
		return nil, err
	}
	b.addColumns(b.root)
	return b, nil
}

// Columns returns the columns of the table that Match reads. Batches need not have any others.
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

// refine removes the rows from sel that do not match. Rows that are not in sel are not evaluated, so cheap steps come
// first.
func (b *Bound) refine(s *step, batch *format.Batch, sel []uint64, depth int) {
	switch s.op {
	case opConst:
		if !s.value {
			clear(sel)
		}
	case opLeaf:
		b.compare(s, batch, sel)
	case opAnd:
		for _, k := range s.children {
			b.refine(k, batch, sel, depth)
			if !anySet(sel) {
				return
			}
		}
	case opOr:
		for len(b.scratch) < 2*depth+2 {
			b.scratch = append(b.scratch, nil)
		}
		// rest: rows that no child has matched yet; try: those of them that the current child matches.
		rest := append(b.scratch[2*depth][:0], sel...)
		try := b.scratch[2*depth+1]
		for _, k := range s.children {
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

// addColumns adds the columns that a step reads to b.columns.
func (b *Bound) addColumns(s *step) {
	columns := []string{s.column.Name}
	if s.source == sourcePair && s.right != nil {
		columns = append(columns, s.right.column.Name)
	}
	for _, c := range columns {
		if s.op == opLeaf && c != "" && !slices.Contains(b.columns, c) {
			b.columns = append(b.columns, c)
		}
	}
	for _, k := range s.children {
		b.addColumns(k)
	}
}
