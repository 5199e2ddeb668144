// SPDX-License-Identifier: Apache-2.0

package view

import (
	"unsafe"

	"github.com/fletch-trace/fletch/format"
)

// Greatest keeps the row of each group in which a column of 64-bit integers has the greatest value, as a T. Rows
// with negative values, which are unknown, are left out.
type Greatest[T any] struct {
	Column  string
	Columns []string // the columns that the functions of NewRow read
	// NewRow returns the function that makes a T of a row of the capture.
	NewRow func(s *Source) (func(b *format.Batch, row int) T, error)
	// Less orders rows with the same value. The least is kept, so that the result does not depend on the workers.
	Less func(a, b T) bool
}

// Of returns the kept row of a group, and its value in Column: Unknown if there is none.
func (k *Greatest[T]) Of(g *Group) (T, int64) {
	kept := &g.of(k).(*greatestRows[T]).groups[g.number]
	if !kept.present {
		return kept.row, Unknown
	}
	return kept.row, kept.value
}

// Value is the greatest value of Column.
func (k *Greatest[T]) Value() Number {
	return &number{func(g *Group) int64 { _, n := k.Of(g); return n }, []aggregate{k}}
}

func (k *Greatest[T]) aggregates() []aggregate { return []aggregate{k} }
func (k *Greatest[T]) columns() []string       { return append([]string{k.Column}, k.Columns...) }
func (k *Greatest[T]) where() *Condition       { return nil }

func (k *Greatest[T]) bind(s *Source) (accumulator, error) {
	if s == nil {
		return &greatestRows[T]{Greatest: k}, nil
	}
	newRow, err := k.NewRow(s)
	return &greatestRows[T]{Greatest: k, newRow: newRow}, err
}

type greatestRows[T any] struct {
	*Greatest[T]
	newRow func(b *format.Batch, row int) T
	groups []greatestRow[T] // by number of the group
}

type greatestRow[T any] struct {
	value   int64
	present bool
	row     T
}

func (k *greatestRows[T]) groupBytes() int64 { return int64(unsafe.Sizeof(greatestRow[T]{})) }
func (k *greatestRows[T]) grownBytes() int64 { return 0 }

func (k *greatestRows[T]) grow(groups int) { k.groups = grown(k.groups, groups) }

func (k *greatestRows[T]) add(b *format.Batch, rows, groups []int32) {
	column := b.Column(k.Column).I64
	for _, row := range rows {
		n := column[row]
		if g := &k.groups[groups[row]]; n >= g.value { // so not below 0
			k.keepGreater(g, greatestRow[T]{n, true, k.newRow(b, int(row))})
		}
	}
}

// keepGreater replaces g by r, whose value is not smaller, unless they are equal and g is the least.
func (k *greatestRows[T]) keepGreater(g *greatestRow[T], r greatestRow[T]) {
	if !g.present || r.value > g.value || k.Less(r.row, g.row) {
		*g = r
	}
}

func (k *greatestRows[T]) merge(to int32, o accumulator, from int32) {
	g := &k.groups[to]
	if r := o.(*greatestRows[T]).groups[from]; r.present && r.value >= g.value {
		k.keepGreater(g, r)
	}
}
