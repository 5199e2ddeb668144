// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// foreignRows is what testdata/make.py puts into each of its files.
func foreignRows(n int) [][]any {
	var out [][]any
	for i := range n {
		args := []string{}
		for j := range i % 4 {
			args = append(args, fmt.Sprintf("a%d.%d", i, j))
		}
		out = append(out, []any{
			int64(1_700_000_000_000_000_000 + 1000*i), int32(i % 4), -int64(i) << 33,
			strings.Repeat(fmt.Sprintf("naïve %d", i), i%3), args,
		})
	}
	return out
}

var foreignColumns = []Column{{"ts", Timestamp}, {"cpu", Int32}, {"size", Int64}, {"name", String},
	{"args", StringList}}

func testdata(t testing.TB, name string) *Capture {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	c, err := openSegment("t", b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Segments that pyarrow wrote are read like the project's own.
func TestPyarrow(t *testing.T) {
	for _, name := range []string{"none.arrow", "lz4.arrow", "zstd.arrow"} {
		c := testdata(t, name)
		table := c.Table("t")
		if !reflect.DeepEqual(table.Schema.Columns, foreignColumns) {
			t.Errorf("%s: columns %v", name, table.Schema.Columns)
		}
		if got := content(t, c)["t"]; !reflect.DeepEqual(got, foreignRows(100)) {
			t.Errorf("%s: other rows", name)
		}
		s := table.Segments[0]
		if !s.Complete || s.Damage != nil || len(s.Blocks) != 3 {
			t.Errorf("%s: %d blocks, complete %v, damage %v", name, len(s.Blocks), s.Complete, s.Damage)
		}
		// pyarrow knows of no ts_min and ts_max: they come from the rows.
		if b := s.Blocks[1]; b.MinTS != 1_700_000_000_000_033_000 || b.MaxTS != 1_700_000_000_000_092_000 {
			t.Errorf("%s: block %+v", name, b)
		}
	}
}

// LZ4 frames of pyarrow have linked blocks of 64 KiB.
func TestPyarrowBlocks(t *testing.T) {
	for i, row := range content(t, testdata(t, "blocks.arrow"))["t"] {
		if row[0] != int64(1_700_000_000_000_000_000) || row[1] != int64(i%1000) {
			t.Fatalf("row %d: %v", i, row)
		}
	}
}

// A column with a null cannot be read; the others can.
func TestPyarrowNulls(t *testing.T) {
	table := testdata(t, "nulls.arrow").Table("t")
	var b Batch
	err := table.Read(&b, table.Blocks()[0], nil)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "column cpu: 100 rows with 1 nulls") {
		t.Error(err)
	}
	if err := table.Read(&b, table.Blocks()[0], []string{"ts", "name"}); err != nil || b.Rows != 100 {
		t.Errorf("%d rows: %v", b.Rows, err)
	}
}

// Columns of types that captures do not have are skipped, and the columns behind
// them are read.
func TestPyarrowUnknownTypes(t *testing.T) {
	c := testdata(t, "strange.arrow")
	var want []Column
	for i := range 21 {
		want = append(want, Column{fmt.Sprintf("known%d", i), Int32})
	}
	want = append(want, foreignColumns...)
	if got := c.Table("t").Schema.Columns; !reflect.DeepEqual(got, want) {
		t.Fatalf("columns %v", got)
	}
	rows := content(t, c)["t"]
	for i, row := range foreignRows(100) {
		for j := range 21 {
			if rows[i][j] != int32(j) {
				t.Fatalf("row %d: known%d is %v", i, j, rows[i][j])
			}
		}
		if !reflect.DeepEqual(rows[i][21:], row) {
			t.Fatalf("row %d: %v", i, rows[i])
		}
	}
}

// Apache's reader reads from a segment what was written.
func TestArrowReads(t *testing.T) {
	for _, codec := range []Codec{None, LZ4, Zstd} {
		for _, s := range []*Schema{syscallSchema, processSchema, pathSchema, LossSchema} {
			batches := []*Batch{fill(NewBatch(s), 100, 1), fill(NewBatch(s), 1, 2), fill(NewBatch(s), 5000, 3)}
			data, _ := segment(t, codec, batches...)
			r, err := ipc.NewFileReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if r.NumRecords() != len(batches) {
				t.Fatalf("%d batches", r.NumRecords())
			}
			if v, _ := r.Schema().Metadata().GetValue("fletch.table"); v != s.Table {
				t.Errorf("table %q", v)
			}
			for i, f := range r.Schema().Fields() {
				want := map[Type]arrow.DataType{
					Int32: arrow.PrimitiveTypes.Int32, Int64: arrow.PrimitiveTypes.Int64,
					String:     arrow.BinaryTypes.String,
					Timestamp:  &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"},
					StringList: arrow.ListOfField(arrow.Field{Name: "item", Type: arrow.BinaryTypes.String}),
				}[s.Columns[i].Type]
				if f.Name != s.Columns[i].Name || f.Nullable || !arrow.TypeEqual(f.Type, want) {
					t.Errorf("field %v", f)
				}
			}
			for i, want := range batches {
				rec, err := r.Record(i)
				if err != nil {
					t.Fatal(err)
				}
				if got := recordRows(rec); !reflect.DeepEqual(got, rows(want)) {
					t.Errorf("%v, table %s: batch %d differs", codec, s.Table, i)
				}
			}
			r.Close()
		}
	}
}

func recordRows(rec arrow.Record) [][]any {
	out := make([][]any, rec.NumRows())
	for i := range out {
		for _, col := range rec.Columns() {
			switch col := col.(type) {
			case *array.Int32:
				out[i] = append(out[i], col.Value(i))
			case *array.Int64:
				out[i] = append(out[i], col.Value(i))
			case *array.Timestamp:
				out[i] = append(out[i], int64(col.Value(i)))
			case *array.String:
				out[i] = append(out[i], col.Value(i))
			case *array.List:
				list := []string{}
				from, to := col.ValueOffsets(i)
				for j := from; j < to; j++ {
					list = append(list, col.ListValues().(*array.String).Value(int(j)))
				}
				out[i] = append(out[i], list)
			}
		}
	}
	return out
}

// Files of Apache's writer, which omits the end-of-stream marker and pads to 64 bytes, are read.
func TestArrowWrites(t *testing.T) {
	for name, option := range map[string]ipc.Option{"none": ipc.WithMinSpaceSavings(0), "lz4": ipc.WithLZ4(),
		"zstd": ipc.WithZstd()} {
		schema := arrow.NewSchema([]arrow.Field{
			{Name: "ts", Type: &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}},
			{Name: "cpu", Type: arrow.PrimitiveTypes.Int32},
			{Name: "size", Type: arrow.PrimitiveTypes.Int64},
			{Name: "name", Type: arrow.BinaryTypes.String},
			{Name: "args", Type: arrow.ListOf(arrow.BinaryTypes.String)},
		}, nil)
		file, err := os.Create(filepath.Join(t.TempDir(), "x.arrow"))
		if err != nil {
			t.Fatal(err)
		}
		w, err := ipc.NewFileWriter(file, ipc.WithSchema(schema), option)
		if err != nil {
			t.Fatal(err)
		}
		build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for _, row := range foreignRows(100) {
			build.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(row[0].(int64)))
			build.Field(1).(*array.Int32Builder).Append(row[1].(int32))
			build.Field(2).(*array.Int64Builder).Append(row[2].(int64))
			build.Field(3).(*array.StringBuilder).Append(row[3].(string))
			list := build.Field(4).(*array.ListBuilder)
			list.Append(true)
			for _, s := range row[4].([]string) {
				list.ValueBuilder().(*array.StringBuilder).Append(s)
			}
		}
		if err := w.Write(build.NewRecord()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		c, err := openSegment("t", b)
		if err != nil {
			t.Fatal(err)
		}
		if s := c.Table("t").Segments[0]; !s.Complete || s.Damage != nil {
			t.Errorf("%s: complete %v, damage %v", name, s.Complete, s.Damage)
		}
		if got := content(t, c)["t"]; !reflect.DeepEqual(got, foreignRows(100)) {
			t.Errorf("%s: other rows", name)
		}
	}
}
