// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// FuzzTable writes random tables and reads them with the library of Apache Arrow. The schema and the values are random,
// from seed, with additional columns whose values are made of data, repeated times times.
func FuzzTable(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, []byte{1, 2, 3, 4, 5, 6, 7, 8, 250, 255, 255, 255, 255, 255, 255, 255}, uint16(1<<seed))
	}
	f.Add(uint64(9), []byte{}, uint16(0))
	f.Add(uint64(10), []byte("naïve, ASCII, \x00 and text of some length"), uint16(5000))
	f.Fuzz(func(t *testing.T, seed uint64, data []byte, times uint16) {
		maxRows := 1000
		if seed%32 == 0 {
			maxRows = 2 * pageRows // several pages, which take time
		}
		table := randomTableOf(rand.New(rand.NewPCG(seed, 9)), maxRows)
		table.groups, table.values = table.groups[:1], table.values[:1]
		table.addData(data, min(int(times), 1+2*pageRows/(1+len(data))))
		text, err := table.write(1 + int(seed%2))
		if err != nil {
			t.Fatal(err)
		}
		if err := table.check(text); err != nil {
			t.Fatal(err)
		}
		for i := range table.columns {
			chunk := dig(footerOf(text), 4, 0, 1, i)
			if _, err := checkIndexes(text, chunk, table.groups[0], &table.values[0][i]); err != nil {
				t.Fatalf("column %v: %v", table.columns[i], err)
			}
		}
	})
}

// addData adds columns made of data, repeated. The row group is cut to as many rows as they have, if it has more.
func (t *table) addData(data []byte, times int) {
	data = slices.Repeat(data, max(times, 1))
	narrow, wide := &format.Vector{Type: format.Int32}, &format.Vector{Type: format.Int64}
	texts, lists := &format.Vector{Type: format.String}, &format.Vector{Type: format.StringList}
	texts.Reset()
	lists.Reset()
	rows := 0
	for ; rows < t.groups[0] && len(data) >= 8; rows++ {
		v := binary.LittleEndian.Uint64(data)
		narrow.I32 = append(narrow.I32, int32(v))
		wide.I64 = append(wide.I64, int64(v))
		texts.Str.Append(string(data[:1+data[0]%8]))
		for range data[1] % 4 {
			lists.Str.Append(string(data[:data[2]%8]))
		}
		lists.Rows = append(lists.Rows, int32(lists.Str.Len()))
		data = data[1:]
	}
	if rows == 0 {
		return
	}
	t.groups[0] = rows
	for i := range t.values[0] {
		t.values[0][i] = head(t.values[0][i], rows)
	}
	for _, v := range []*format.Vector{narrow, wide, texts, lists} {
		t.columns = append(t.columns, format.Column{Name: "data " + v.Type.String(), Type: v.Type})
		t.values[0] = append(t.values[0], Values{Vector: v})
	}
}

// head returns the first rows of a column.
func head(v Values, rows int) Values {
	if v.Numbers != nil {
		v.Numbers = v.Numbers[:rows]
		return v
	}
	u := *v.Vector
	v.Vector = &u
	switch u.Type {
	case format.Int32:
		u.I32 = u.I32[:rows]
	case format.String:
		u.Str.Offsets = u.Str.Offsets[:rows+1]
	case format.StringList:
		u.Rows = u.Rows[:rows+1]
		u.Str.Offsets = u.Str.Offsets[:u.Rows[rows]+1]
	default:
		u.I64 = u.I64[:rows]
	}
	return v
}
