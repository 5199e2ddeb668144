// SPDX-License-Identifier: Apache-2.0

package format

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// With zstd, rows with equal values in the columns GroupBy are stored next to each other, in their old order. With
// other codecs the order does not change, and the batch given to Append never does.
func TestGroupBy(t *testing.T) {
	schema := &Schema{Table: "calls", GroupBy: []string{"op", "nr"}, Columns: []Column{
		{"ts", Timestamp}, {"cpu", Int32}, {"task", Int32}, {"op", String}, {"nr", Int64}, {"zero", Int64},
		{"text", String},
	}}
	given := NewBatch(schema)
	const n = 5000
	for i := range n {
		given.Columns[0].I64 = append(given.Columns[0].I64, int64(1000+i))
		given.Columns[1].I32 = append(given.Columns[1].I32, int32(i%3))
		given.Columns[2].I32 = append(given.Columns[2].I32, int32(i*7%11))
		given.Columns[3].Str.Append([]string{"write", "read", ""}[i*i%3])
		given.Columns[4].I64 = append(given.Columns[4].I64, []int64{-1, 3, 1 << 40, 0, 512}[i*i*i%5])
		given.Columns[5].I64 = append(given.Columns[5].I64, 0)
		given.Columns[6].Str.Append(fmt.Sprint("text ", i))
	}
	given.Rows = n
	before := rows(given)
	want := make([]int, n)
	for i := range want {
		want[i] = i
	}
	initial := func(i int) string { return (given.Columns[3].Str.At(i) + "\x00")[:1] }
	low := func(i int) int64 { return given.Columns[4].I64[i] & (1<<digitBits - 1) }
	slices.SortStableFunc(want, func(i, j int) int {
		if c := int(initial(i)[0]) - int(initial(j)[0]); c != 0 {
			return c
		}
		return int(low(i) - low(j))
	})
	for _, codec := range []Codec{None, LZ4, Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "capture")
			write(t, path, codec, given)
			got := content(t, open(t, path))["calls"]
			if !reflect.DeepEqual(rows(given), before) {
				t.Error("the batch given has changed")
			}
			if len(got) != n {
				t.Fatalf("%d rows, not %d", len(got), n)
			}
			for i, row := range got {
				w := i
				if codec == Zstd {
					w = want[i]
				}
				if !reflect.DeepEqual(row, before[w]) {
					t.Fatalf("row %d is %v, not %v", i, row, before[w])
				}
			}
		})
	}
}
