// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestAppendRow(t *testing.T) {
	s := &Schema{Table: "t", Columns: []Column{{"ts", Timestamp}, {"a", Int32}, {"b", Int64}, {"s", String},
		{"l", StringList}}}
	b := NewBatch(s)
	for _, row := range []map[string]any{
		{"ts": int64(5), "a": int32(-1), "b": int64(1 << 40), "s": "x", "l": []string{"p", "", "q"}},
		{},
		{"s": "yz", "l": []string{"r"}},
	} {
		if err := b.AppendRow(row); err != nil {
			t.Fatal(err)
		}
	}
	want := [][]any{
		{int64(5), int32(-1), int64(1 << 40), "x", []string{"p", "", "q"}},
		{int64(0), int32(0), int64(0), "", []string{}},
		{int64(0), int32(0), int64(0), "yz", []string{"r"}},
	}
	if got := rows(b); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []struct {
		row  map[string]any
		says string
	}{
		{map[string]any{"c": int32(1)}, "no column c"},
		{map[string]any{"a": int64(1)}, "column a is int32, not int64"},
		{map[string]any{"b": 1}, "column b is int64, not int"},
		{map[string]any{"ts": int32(1)}, "column ts is timestamp[ns, UTC], not int32"},
		{map[string]any{"s": []string{}}, "column s is utf8, not []string"},
		{map[string]any{"l": "x", "a": int32(1)}, "column l is list<utf8>, not string"},
		{map[string]any{"s": nil}, "column s is utf8, not <nil>"},
	} {
		if err := b.AppendRow(bad.row); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%v: error %v, not %q", bad.row, err, bad.says)
		}
		if got := rows(b); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v: changed the batch to %v", bad.row, got)
		}
	}
	b.Reset()
	if got := rows(b); len(got) != 0 || b.Column("l").Len() != 0 {
		t.Errorf("rows after Reset: %v", got)
	}
	if b.Column("none") != nil {
		t.Error("a column that is not there")
	}
}

func TestStringsZero(t *testing.T) {
	var s Strings
	if s.Len() != 0 {
		t.Errorf("length %d", s.Len())
	}
	s.Append("")
	s.Append("a")
	if s.Len() != 2 || s.At(0) != "" || s.At(1) != "a" || string(s.Bytes(1)) != "a" {
		t.Errorf("got %+v", s)
	}
}

func TestSchemaCheck(t *testing.T) {
	if err := syscallSchema.Check(Column{"ts", Timestamp}, Column{"nr", Int32}); err != nil {
		t.Error(err)
	}
	for _, c := range []Column{{"nr", Int64}, {"number", Int32}, {"ts", Int64}} {
		if err := syscallSchema.Check(c); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v: %v", c, err)
		}
	}
	for _, c := range []struct {
		schema *Schema
		event  bool
	}{{syscallSchema, true}, {processSchema, true}, {pathSchema, false}, {LossSchema, false}} {
		if c.schema.Event() != c.event {
			t.Errorf("table %s: event %v", c.schema.Table, !c.event)
		}
	}
}

// Keep leaves exactly the given rows, of every column type, in a batch that is consistent.
func TestKeep(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, likely := range []float64{0, 0.01, 0.5, 0.99, 1} {
		b := fill(NewBatch(processSchema), 500, 7)
		all := rows(b)
		var kept []int32
		want := [][]any{}
		for i := range b.Rows {
			if r.Float64() < likely {
				kept = append(kept, int32(i))
				want = append(want, all[i])
			}
		}
		b.Keep(kept)
		if err := b.check(); err != nil {
			t.Errorf("%d rows: %v", len(kept), err)
		}
		if got := rows(b); !reflect.DeepEqual(got, want) {
			t.Errorf("%d rows kept are others", len(kept))
		}
		half := kept[:len(kept)/2]
		for i := range half {
			half[i] = int32(i)
		}
		if n := testing.AllocsPerRun(1, func() { b.Keep(half) }); n > 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// Keep works on columns whose offsets do not begin at 0 and do not end at the end of the data.
func TestKeepOffsets(t *testing.T) {
	b := &Batch{Schema: &Schema{Table: "t", Columns: []Column{{"s", String}, {"l", StringList}}}, Rows: 3,
		Columns: []Vector{
			{Type: String, Str: Strings{Offsets: []int32{2, 3, 5, 5}, Data: []byte("__abc__")}},
			{Type: StringList, Rows: []int32{1, 3, 3, 4}, Str: Strings{Offsets: []int32{0, 2, 3, 4, 6, 7},
				Data: []byte("__uvwx_")}},
		}}
	b.Keep([]int32{0, 2})
	if got, want := rows(b), [][]any{{"a", []string{"u", "v"}}, {"", []string{"wx"}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

func TestMakeValid(t *testing.T) {
	for _, c := range []struct{ texts, want []string }{
		{nil, nil},
		{[]string{"", "a", "größe", ""}, []string{"", "a", "größe", ""}},
		{[]string{"a\xffb", "c"}, []string{"a\uFFFDb", "c"}},
		{[]string{"gr\xc3", "\xb6\xc3\x9fe"}, []string{"gr\uFFFD", "\uFFFDße"}}, // one character in two texts
		{[]string{"\xed\xa0\x80"}, []string{"\uFFFD"}},
	} {
		var s Strings
		for _, text := range c.texts {
			s.Append(text)
		}
		s.MakeValid()
		var got []string
		for i := range s.Len() {
			got = append(got, s.At(i))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q became %q", c.texts, got)
		}
	}
	s := Strings{Offsets: []int32{1, 2, 3}, Data: []byte("\xffab\xff")}
	if s.MakeValid(); s.Data[0] != 0xff || s.At(0) != "a" {
		t.Errorf("%q: replaced bytes that belong to no text", s.Data)
	}
}

// Between leaves out exactly the blocks that have no row in the range.
func TestBetween(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	var batches []*Batch
	for i := range 5 {
		b := NewBatch(LossSchema)
		for j := range 3 {
			ts := int64(100*i + 10*j)
			if err := b.AppendRow(map[string]any{"ts": ts, "until": ts, "family": "file",
				"count": int64(1)}); err != nil {
				t.Fatal(err)
			}
		}
		batches = append(batches, b)
	}
	write(t, path, Zstd, append(batches, fill(NewBatch(pathSchema), 10, 1))...)
	c := open(t, path)
	table := c.Table("loss")
	for _, r := range []struct {
		from, to int64
		blocks   int
	}{
		{math.MinInt64, math.MaxInt64, 5}, {0, 420, 5}, {21, 99, 0}, {20, 100, 2}, {110, 110, 1},
		{421, math.MaxInt64, 0}, {300, 200, 0},
	} {
		got := table.Between(r.from, r.to)
		if n := len(got.Blocks()); n != r.blocks || got.Rows != int64(3*n) {
			t.Errorf("%d to %d: %d blocks of %d rows", r.from, r.to, n, got.Rows)
		}
	}
	if len(table.Blocks()) != 5 || table.Rows != 15 {
		t.Error("the table itself has changed")
	}
	if path := c.Table("path"); path.Between(1, 2) != path {
		t.Error("a table without ts is bounded by time")
	}
}
