// SPDX-License-Identifier: Apache-2.0

package view

import (
	"testing"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// TestGreatest checks which row is kept of one batch and after merging: the greatest, and of equal ones the least.
func TestGreatest(t *testing.T) {
	k := &Greatest[int32]{Column: "duration_ns", Less: func(a, b int32) bool { return a < b },
		NewRow: func(*Source) (func(b *format.Batch, row int) int32, error) {
			return func(b *format.Batch, row int) int32 { return b.Column("nr").I32[row] }, nil
		}}
	rows := func(pairs ...[2]int64) accumulator {
		a, err := k.bind(&Source{})
		if err != nil {
			t.Fatal(err)
		}
		b := format.NewBatch(fixture.Syscall)
		var all, groups []int32
		for i, p := range pairs {
			b.Column("duration_ns").I64 = append(b.Column("duration_ns").I64, p[0])
			b.Column("nr").I32 = append(b.Column("nr").I32, int32(p[1]))
			all, groups = append(all, int32(i)), append(groups, 0)
		}
		a.grow(1)
		a.add(b, all, groups)
		return a
	}
	for _, c := range []struct {
		parts []accumulator
		value int64
		row   int32
	}{
		{[]accumulator{rows([2]int64{5, 9}, [2]int64{7, 8}, [2]int64{6, 1})}, 7, 8},
		{[]accumulator{rows([2]int64{5, 9}, [2]int64{5, 3}, [2]int64{5, 6})}, 5, 3},
		{[]accumulator{rows([2]int64{-1, 9}, [2]int64{0, 3})}, 0, 3},
		{[]accumulator{rows([2]int64{-1, 9}), rows([2]int64{-1, 9})}, Unknown, 0},
		{[]accumulator{rows([2]int64{7, 8}), rows([2]int64{6, 1})}, 7, 8},
		{[]accumulator{rows([2]int64{6, 1}), rows([2]int64{7, 8})}, 7, 8},
		{[]accumulator{rows([2]int64{7, 8}), rows([2]int64{7, 2}), rows([2]int64{7, 4}), rows()}, 7, 2},
		{[]accumulator{rows(), rows([2]int64{0, 4})}, 0, 4},
	} {
		sum, err := k.bind(nil)
		if err != nil {
			t.Fatal(err)
		}
		sum.grow(1)
		for _, part := range c.parts {
			sum.merge(0, part, 0)
		}
		g := &Group{result: &Result{accumulators: map[aggregate]accumulator{k: sum}}}
		if row, value := k.Of(g); row != c.row || value != c.value {
			t.Errorf("got row %d with %d, want %d with %d", row, value, c.row, c.value)
		}
	}
}
