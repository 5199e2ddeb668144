// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	library "github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"

	"github.com/fletch-trace/fletch/format"
)

// TestArrowReads reads random tables with the Parquet reader of Apache Arrow.
func TestArrowReads(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 15
	}
	for seed := range seeds {
		table := randomTable(rand.New(rand.NewPCG(seed, 3)))
		text, err := table.write(1 + int(seed%3))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		again, _ := table.write(1)
		if !bytes.Equal(text, again) {
			t.Fatalf("seed %d: other bytes with another number of workers", seed)
		}
		if err := table.check(text); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// check reads a file with the library and compares it with the table.
func (t *table) check(text []byte) error {
	f, err := file.NewParquetReader(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if got := f.MetaData().KeyValueMetadata().FindValue("fletch.host"); got == nil || *got != "box" {
		return fmt.Errorf("metadata %v", got)
	}
	if f.NumRowGroups() != len(t.groups) {
		return fmt.Errorf("%d row groups, not %d", f.NumRowGroups(), len(t.groups))
	}
	for g, rows := range t.groups {
		group := f.RowGroup(g)
		if group.NumRows() != int64(rows) {
			return fmt.Errorf("group %d has %d rows, not %d", g, group.NumRows(), rows)
		}
		for i := range t.columns {
			if err := compare(group, i, rows, &t.values[g][i]); err != nil {
				return fmt.Errorf("group %d, column %v: %w", g, t.columns[i], err)
			}
		}
	}
	return nil
}

// compare reads a column, and compares its values and statistics with want.
func compare(group *file.RowGroupReader, i, rows int, want *Values) error {
	column, err := group.Column(i)
	if err != nil {
		return err
	}
	chunk, err := group.MetaData().ColumnChunk(i)
	if err != nil {
		return err
	}
	stats, err := chunk.Statistics()
	if err != nil {
		return err
	}
	switch c := column.(type) {
	case *file.Int32ColumnChunkReader:
		got := make([]int32, rows)
		if _, _, err := c.ReadBatch(int64(rows), got, nil, nil); err != nil || !slices.Equal(got, want.I32) {
			return fmt.Errorf("other values, %v", err)
		}
		if s := stats.(*metadata.Int32Statistics); s.Min() != slices.Min(got) || s.Max() != slices.Max(got) {
			return fmt.Errorf("bounds %d and %d", s.Min(), s.Max())
		}
	case *file.Int64ColumnChunkReader:
		got := make([]int64, rows)
		if _, _, err := c.ReadBatch(int64(rows), got, nil, nil); err != nil || !slices.Equal(got, want.I64) {
			return fmt.Errorf("other values, %v", err)
		}
		if s := stats.(*metadata.Int64Statistics); s.Min() != slices.Min(got) || s.Max() != slices.Max(got) {
			return fmt.Errorf("bounds %d and %d", s.Min(), s.Max())
		}
	case *file.ByteArrayColumnChunkReader:
		return compareTexts(c, rows, want)
	}
	return nil
}

func compareTexts(c *file.ByteArrayColumnChunkReader, rows int, want *Values) error {
	n := rows + want.Str.Len()
	got, definition, repetition := make([]library.ByteArray, n), make([]int16, n), make([]int16, n)
	levels, values, err := c.ReadBatch(int64(n), got, definition, repetition)
	if err != nil {
		return err
	}
	if want.Type == format.StringList {
		return compareLists(want, definition[:levels], repetition[:levels], got[:values])
	}
	for row := range rows {
		text := ""
		if want.Numbers != nil {
			text = want.Texts[want.Numbers[row]]
		} else {
			text = want.Str.At(row)
		}
		if string(got[row]) != text {
			return fmt.Errorf("row %d: %q, want %q", row, got[row], text)
		}
	}
	return nil
}

func compareLists(want *Values, definition, repetition []int16, got []library.ByteArray) error {
	at, row := 0, -1
	var lists [][]string
	for i := range definition {
		if repetition[i] == 0 {
			row++
			lists = append(lists, []string{})
		}
		if definition[i] == 1 {
			lists[row] = append(lists[row], string(got[at]))
			at++
		}
	}
	if len(lists) != want.Len() {
		return fmt.Errorf("%d lists, want %d", len(lists), want.Len())
	}
	for i := range lists {
		if !slices.Equal(lists[i], want.List(i)) {
			return fmt.Errorf("row %d: %q, want %q", i, lists[i], want.List(i))
		}
	}
	return nil
}

func TestNoGroups(t *testing.T) {
	table := &table{columns: []format.Column{
		{Name: "ts", Type: format.Timestamp}, {Name: "args", Type: format.StringList},
	}}
	text, err := table.write(1)
	if err != nil {
		t.Fatal(err)
	}
	f, err := file.NewParquetReader(bytes.NewReader(text))
	if err != nil || f.NumRows() != 0 || f.MetaData().Schema.NumColumns() != 2 {
		t.Fatalf("got %v, %v", f, err)
	}
}

func TestWriterRefuses(t *testing.T) {
	if _, err := NewWriter(&bytes.Buffer{}, []format.Column{{Name: "x", Type: 99}}, nil, 1); err == nil {
		t.Error("a column of an unknown type was taken")
	}
	columns := []format.Column{{Name: "a", Type: format.Int32}}
	for name, values := range map[string][]Values{
		"too few columns": {},
		"too few rows":    {{Vector: &format.Vector{Type: format.Int32, I32: []int32{1}}}},
		"another type":    {{Vector: &format.Vector{Type: format.Int64, I64: []int64{1, 2}}}},
		"too few numbers": {{Vector: &format.Vector{Type: format.Int32}, Numbers: []int32{}}},
	} {
		w, err := NewWriter(&bytes.Buffer{}, columns, nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteGroup(2, values); !errors.Is(err, errGroup) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	full := &limited{n: 10}
	w, err := NewWriter(full, columns, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	one := &format.Vector{Type: format.Int32, I32: []int32{1}}
	if err := w.WriteGroup(1, []Values{{Vector: one}}); !errors.Is(err, errFull) {
		t.Errorf("a full disk: got %v", err)
	}
}

var errFull = errors.New("disk full")

// limited is a writer with room for n bytes.
type limited struct{ n int }

func (l *limited) Write(p []byte) (int, error) {
	if l.n -= len(p); l.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func BenchmarkWriteGroup(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const rows = 256 << 10
	var columns []format.Column
	var values []Values
	add := func(kind format.Type, next func(i int) int64) {
		columns = append(columns, format.Column{Name: fmt.Sprintf("c%d", len(columns)), Type: kind})
		v := Values{Vector: &format.Vector{Type: kind}}
		for i := range rows {
			if kind == format.Int32 {
				v.I32 = append(v.I32, int32(next(i)))
			} else {
				v.I64 = append(v.I64, next(i))
			}
		}
		values = append(values, v)
	}
	now := int64(1_700_000_000_000_000_000)
	add(format.Timestamp, func(int) int64 { now += r.Int64N(2000); return now })
	add(format.Int32, func(i int) int64 { return int64(i / 8192 % 2) })
	add(format.Int32, func(int) int64 { return r.Int64N(200) })
	add(format.Int32, func(int) int64 { return r.Int64N(20) })
	add(format.Int64, func(int) int64 { return r.Int64N(64) - 2 })
	add(format.Int64, func(int) int64 { return 200 + r.Int64N(1+r.Int64N(5000)) })
	add(format.Int64, func(int) int64 { return r.Int64N(30) })
	add(format.Int64, func(int) int64 { return 0x7f0000000000 + r.Int64N(1<<12)<<4 })
	add(format.Int64, func(int) int64 { return 0 })
	b.ReportAllocs()
	size := &counter{}
	for b.Loop() {
		size.n = 0
		w, err := NewWriter(size, columns, nil, 1)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.WriteGroup(rows, values); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
	b.ReportMetric(float64(size.n)/rows, "B/row")
}

type counter struct{ n int }

func (c *counter) Write(p []byte) (int, error) { c.n += len(p); return len(p), nil }
