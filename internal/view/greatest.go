// SPDX-License-Identifier: Apache-2.0

package view

import "github.com/fletch-trace/fletch/format"

// Greatest keeps of each group the row in which a column of 64-bit numbers has the greatest value. Negative values
// count as 0. T is what is kept of the row.
type Greatest[T any] struct {
	Column  string
	Columns []string // that Row reads
	// Row makes what is kept of rows of a capture.
	Row func(s *Source) (func(b *format.Batch, row int) T, error)
	// Less orders rows with the same value, so that always the same one is kept: the least.
	Less func(a, b T) bool
}

// Of is the row of a group, and its value.
func (k *Greatest[T]) Of(g *Group) (T, int64) {
	kept := &g.of(k).(*greatestRows[T]).groups[g.number]
	return kept.row, kept.value
}

// Value is the greatest value.
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
	row, err := k.Row(s)
	return &greatestRows[T]{Greatest: k, row: row}, err
}

type greatestRows[T any] struct {
	*Greatest[T]
	row    func(b *format.Batch, row int) T
	groups []greatestRow[T] // by number of the group
}

type greatestRow[T any] struct {
	value int64
	some  bool
	row   T
}

func (k *greatestRows[T]) grow(groups int) { k.groups = grown(k.groups, groups) }

func (k *greatestRows[T]) add(b *format.Batch, rows, groups []int32) {
	column := b.Column(k.Column).I64
	for _, row := range rows {
		n := max(column[row], 0)
		if g := &k.groups[groups[row]]; n >= g.value {
			k.offer(g, greatestRow[T]{n, true, k.row(b, int(row))})
		}
	}
}

// offer takes a row whose value is not smaller, if it is to be kept.
func (k *greatestRows[T]) offer(g *greatestRow[T], r greatestRow[T]) {
	if !g.some || r.value > g.value || k.Less(r.row, g.row) {
		*g = r
	}
}

func (k *greatestRows[T]) merge(to int32, o accumulator, from int32) {
	g := &k.groups[to]
	if r := o.(*greatestRows[T]).groups[from]; r.some && r.value >= g.value {
		k.offer(g, r)
	}
}
