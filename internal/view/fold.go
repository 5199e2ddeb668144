// SPDX-License-Identifier: Apache-2.0

package view

import "github.com/fletch-trace/fletch/format"

// fold is an aggregate whose state is one integer, so it is a Number itself.
type fold struct {
	column    string // "" for a count
	condition *Condition
	op        foldOperation
}

type foldOperation uint8

const (
	foldCount foldOperation = iota
	foldSum
	foldMax
)

// Count is the number of rows that satisfy a condition.
func Count(where *Condition) Number { return &fold{"", where, foldCount} }

// Sum is the sum of a column of integers over the rows that satisfy a condition. Negative values count as 0, and a sum
// that does not fit into an int64 is the greatest one.
func Sum(column string, where *Condition) Number { return &fold{column, where, foldSum} }

// Max is the greatest value of a column of integers in the rows that satisfy a condition, and at least 0.
func Max(column string, where *Condition) Number { return &fold{column, where, foldMax} }

func (f *fold) aggregates() []aggregate { return []aggregate{f} }

func (f *fold) Of(g *Group) int64 { return g.of(f).(*foldResults).values[g.number] }

func (f *fold) where() *Condition { return f.condition }

func (f *fold) columns() []string {
	if f.op == foldCount {
		return nil
	}
	return []string{f.column}
}

func (f *fold) bind(*Source) (accumulator, error) { return &foldResults{fold: f}, nil }

type foldResults struct {
	*fold
	values  []int64 // by number of the group
	widened []int64 // buffer of int64s
}

func (f *foldResults) groupBytes() int64 { return 8 }
func (f *foldResults) grownBytes() int64 { return 0 }

func (f *foldResults) grow(groups int) { f.values = grown(f.values, groups) }

// grown returns values, extended by zero values to at least n.
func grown[T any](values []T, n int) []T {
	if n <= len(values) {
		return values
	}
	return append(values, make([]T, n-len(values))...)
}

func (f *foldResults) add(b *format.Batch, rows, groups []int32) {
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
			values[groups[row]] = Add(values[groups[row]], max(column[row], 0))
		}
		return
	}
	for _, row := range rows {
		if n := column[row]; n > values[groups[row]] {
			values[groups[row]] = n
		}
	}
}

// int64s returns the values of a column of integers of either width, valid until the next call.
func (f *foldResults) int64s(v *format.Vector) []int64 {
	if v.Type != format.Int32 {
		return v.I64
	}
	f.widened = f.widened[:0]
	for _, n := range v.I32 {
		f.widened = append(f.widened, int64(n))
	}
	return f.widened
}

func (f *foldResults) merge(to int32, o accumulator, from int32) {
	n := o.(*foldResults).values[from]
	if f.op == foldMax {
		f.values[to] = max(f.values[to], n)
	} else {
		f.values[to] = Add(f.values[to], n)
	}
}
