// SPDX-License-Identifier: Apache-2.0

package view

import "github.com/fletch-trace/fletch/format"

// fold is an aggregate that is one integer.
type fold struct {
	column string
	only   *Condition
	op     foldOp
}

type foldOp uint8

const (
	foldCount foldOp = iota
	foldSum
	foldMax
)

// Count is how many rows fulfil a condition.
func Count(where *Condition) Number { return &fold{"", where, foldCount} }

// Sum adds up what a column of numbers has in the rows that fulfil a condition. Negative values count as 0.
func Sum(column string, where *Condition) Number { return &fold{column, where, foldSum} }

// Max is the greatest of what a column of numbers has in the rows that fulfil a condition, and at least 0.
func Max(column string, where *Condition) Number { return &fold{column, where, foldMax} }

func (f *fold) aggregates() []aggregate { return []aggregate{f} }

func (f *fold) Of(g *Group) int64 { return g.of(f).(*folded).values[g.number] }

func (f *fold) where() *Condition { return f.only }

func (f *fold) columns() []string {
	if f.op == foldCount {
		return nil
	}
	return []string{f.column}
}

func (f *fold) bind(*Source) (accumulator, error) { return &folded{fold: f}, nil }

type folded struct {
	*fold
	values []int64 // by number of the group
	wide   []int64
}

func (f *folded) grow(groups int) { f.values = grown(f.values, groups) }

// grown is values with so many of them.
func grown[T any](values []T, n int) []T {
	if n <= len(values) {
		return values
	}
	return append(values, make([]T, n-len(values))...)
}

func (f *folded) add(b *format.Batch, rows, groups []int32) {
	values := f.values
	if f.op == foldCount {
		for _, row := range rows {
			values[groups[row]]++
		}
		return
	}
	column := f.int64s(b.Column(f.column))
	if f.op == foldSum {
		for _, row := range rows {
			values[groups[row]] += max(column[row], 0)
		}
		return
	}
	for _, row := range rows {
		if n := column[row]; n > values[groups[row]] {
			values[groups[row]] = n
		}
	}
}

// int64s are the values of a column of either width.
func (f *folded) int64s(v *format.Vector) []int64 {
	if v.Type != format.Int32 {
		return v.I64
	}
	f.wide = f.wide[:0]
	for _, n := range v.I32 {
		f.wide = append(f.wide, int64(n))
	}
	return f.wide
}

func (f *folded) merge(to int32, o accumulator, from int32) {
	n := o.(*folded).values[from]
	if f.op == foldMax {
		f.values[to] = max(f.values[to], n)
	} else {
		f.values[to] += n
	}
}
