// SPDX-License-Identifier: Apache-2.0

package arrowtable

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/fletch-trace/fletch/format"
)

// everySchema has all column types.
var everySchema = &format.Schema{Table: "every", Columns: []format.Column{
	{Name: "ts", Type: format.Timestamp}, {Name: "cpu", Type: format.Int32}, {Name: "task", Type: format.Int32},
	{Name: "size", Type: format.Int64}, {Name: "name", Type: format.String}, {Name: "args", Type: format.StringList},
}}

var manifest = format.Manifest{
	Host: "host", BootID: "0e1f", Kernel: "6.1.0", Arch: "x86_64", Start: time.Unix(1700000000, 0).UTC(),
}

// every returns a batch of rows that begin at ts, a microsecond apart.
func every(ts int64, rows int) *format.Batch {
	b := format.NewBatch(everySchema)
	for i := range rows {
		list := []string{}
		for j := range i % 4 {
			list = append(list, []string{"", "-l", "--color=auto", fmt.Sprint(i)}[(i+j)%4])
		}
		name := []string{"", "cat", "/usr/lib/x86_64-linux-gnu/libc.so.6"}[i%3]
		if i%100 == 7 {
			name, list = "naïve", append(list, "größe")
		}
		err := b.AppendRow(map[string]any{
			"ts": ts + int64(i)*1000, "cpu": int32(i % 8), "task": int32(-i), "size": math.MinInt64 + int64(i),
			"name": name, "args": list,
		})
		if err != nil {
			panic(err)
		}
	}
	return b
}

// capture writes a capture and opens it; it is closed when the test ends.
func capture(t testing.TB, opt format.WriterOptions, codec format.Codec, batches ...*format.Batch) *format.Capture {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c")
	w, err := format.Create(path, manifest, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Append(b, codec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

func open(t testing.TB, path string) *format.Capture {
	t.Helper()
	c, err := format.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// scanned returns the values of all rows of a table, read with Scan.
func scanned(t testing.TB, c *format.Capture, columns []string) [][]any {
	t.Helper()
	all := [][]any{}
	err := c.Table("every").Scan(context.Background(), columns, 1, func(_ int, b *format.Batch) error {
		for row := range b.Rows {
			var values []any
			for i := range b.Columns {
				switch v := &b.Columns[i]; v.Type {
				case format.Int32:
					values = append(values, v.I32[row])
				case format.Int64, format.Timestamp:
					values = append(values, v.I64[row])
				case format.String:
					values = append(values, v.Str.At(row))
				case format.StringList:
					values = append(values, v.List(row))
				}
			}
			all = append(all, values)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// values returns the values of a record in the form of scanned.
func values(record arrow.Record) [][]any {
	all := [][]any{}
	for row := range int(record.NumRows()) {
		var values []any
		for _, column := range record.Columns() {
			switch column := column.(type) {
			case *array.Int32:
				values = append(values, column.Value(row))
			case *array.Int64:
				values = append(values, column.Value(row))
			case *array.Timestamp:
				values = append(values, int64(column.Value(row)))
			case *array.String:
				values = append(values, string([]byte(column.Value(row))))
			case *array.List:
				from, to := column.ValueOffsets(row)
				list, texts := []string{}, column.ListValues().(*array.String)
				for i := from; i < to; i++ {
					list = append(list, string([]byte(texts.Value(int(i)))))
				}
				values = append(values, list)
			}
		}
		all = append(all, values)
	}
	return all
}

// read returns the values of all remaining records of a reader.
func read(t testing.TB, r array.RecordReader) [][]any {
	t.Helper()
	all := [][]any{}
	for r.Next() {
		if !r.Record().Schema().Equal(r.Schema()) {
			t.Fatalf("a record of %v, the reader says %v", r.Record().Schema(), r.Schema())
		}
		all = append(all, values(r.Record())...)
	}
	if err := r.Err(); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return all
}

func newReader(t testing.TB, c *format.Capture, o Options) *Reader {
	t.Helper()
	r, err := NewReader(c, "every", o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A Reader has the values that Scan has, of every type and codec and over several segments, whichever columns are read.
func TestValues(t *testing.T) {
	for codec := format.None; codec <= format.Zstd; codec++ {
		c := capture(t, format.WriterOptions{SegmentBytes: 1}, codec, every(1e18, 100), every(2e18, 1),
			every(3e18, 333))
		if n := len(c.Table("every").Segments); n != 3 {
			t.Fatalf("%d segments", n)
		}
		for _, columns := range [][]string{nil, {"ts"}, {"name", "cpu"}, {"args"}, {"size", "args", "ts", "name"}, {}} {
			r := newReader(t, c, Options{Columns: columns})
			if got, want := read(t, r), scanned(t, c, columns); !reflect.DeepEqual(got, want) {
				t.Errorf("%v, columns %v:\n%v\nnot\n%v", codec, columns, got, want)
			}
			r.Release()
		}
	}
}

// The schema is the one that the Arrow library reads from a segment of the capture.
func TestSchema(t *testing.T) {
	c := capture(t, format.WriterOptions{}, format.Zstd, every(1e18, 10))
	f, err := os.Open(filepath.Join(c.Path, "every", "000001.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	segment, err := ipc.NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer segment.Close()
	r := newReader(t, c, Options{})
	defer r.Release()
	want, got := segment.Schema(), r.Schema()
	if !got.Equal(want) || !got.Metadata().Equal(want.Metadata()) {
		t.Errorf("%v\nnot\n%v", got, want)
	}
	if !NewSchema(everySchema, nil).Equal(want) {
		t.Errorf("without a manifest %v", NewSchema(everySchema, nil))
	}
}

func TestNoSuchTable(t *testing.T) {
	c := capture(t, format.WriterOptions{}, format.Zstd, every(1e18, 10))
	if _, err := NewReader(c, "none", Options{}); err == nil {
		t.Error("a reader of no table")
	}
	if _, err := NewReader(c, "every", Options{Columns: []string{"ts", "none"}}); err == nil {
		t.Error("a reader of no column")
	}
}

// at returns the time ns after the Unix epoch, for 0 the zero time.
func at(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// A time range is exact to the nanosecond, and batches outside of it are not even read.
func TestTimes(t *testing.T) {
	c := capture(t, format.WriterOptions{}, format.Zstd, every(1e18, 100), every(2e18, 100), every(3e18, 100))
	all := scanned(t, c, nil)
	for _, r := range []struct{ from, to int64 }{
		{0, 0}, {2e18, 0}, {0, 2e18}, {2e18, 2e18}, {1e18 + 50_000, 3e18 + 49_999}, {1e18 + 50_001, 3e18 + 50_000},
		{1e18 + 1, 1e18 + 999}, {5e18, 0}, {2e18, 2e18 + 99_000},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(row []any) bool {
			ts := row[0].(int64)
			return ts < r.from || r.to != 0 && ts > r.to
		})
		got := read(t, newReader(t, c, Options{From: at(r.from), To: at(r.to)}))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %d rows, not %d", r, len(got), len(want))
		}
		// ts need not be among the columns.
		got = read(t, newReader(t, c, Options{From: at(r.from), To: at(r.to), Columns: []string{"cpu"}}))
		if len(got) != len(want) {
			t.Errorf("%v without ts: %d rows, not %d", r, len(got), len(want))
		}
	}

	// Years that int64 nanoseconds do not reach.
	year := func(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }
	if got := read(t, newReader(t, c, Options{From: year(1600), To: year(2400)})); len(got) != len(all) {
		t.Errorf("%d rows from 1600 to 2400, not %d", len(got), len(all))
	}
	if got := read(t, newReader(t, c, Options{From: year(2400)})); len(got) != 0 {
		t.Errorf("%d rows from 2400 on", len(got))
	}

	damage(t, c)
	if got := read(t, newReader(t, c, Options{To: at(2e18 + 99_000)})); len(got) != 200 {
		t.Errorf("%d rows before a damaged batch", len(got))
	}
	r := newReader(t, c, Options{})
	defer r.Release()
	n := 0
	for r.Next() {
		n++
	}
	if n != 2 || !errors.Is(r.Err(), format.ErrCorrupt) || r.Record() != nil || r.Next() {
		t.Errorf("%d records, then %v", n, r.Err())
	}
	err := WriteStream(context.Background(), io.Discard, newReader(t, c, Options{}), format.None)
	if !errors.Is(err, format.ErrCorrupt) {
		t.Errorf("writing it: %v", err)
	}
}

// damage flips bits near the end of the last batch of the only segment.
func damage(t *testing.T, c *format.Capture) {
	t.Helper()
	path := filepath.Join(c.Path, "every", "000001.arrow")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(data, []byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}) // the end of the stream
	for i := at - 60; i < at-20; i++ {
		data[i] ^= 0x55
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The Reader returns exactly the rows that Select chooses, of every batch.
func TestSelect(t *testing.T) {
	c := capture(t, format.WriterOptions{}, format.Zstd, every(1e18, 100), every(2e18, 101))
	for name, wanted := range map[string]func(row []any) bool{
		"all": func([]any) bool { return true }, "none": func([]any) bool { return false },
		"one CPU": func(row []any) bool { return row[1] == int32(5) },
		"lists":   func(row []any) bool { return len(row[5].([]string)) == 3 },
	} {
		want := slices.DeleteFunc(scanned(t, c, nil), func(row []any) bool { return !wanted(row) })
		r := newReader(t, c, Options{From: at(1e18 + 3000), Select: func(b *format.Batch, rows []int32) []int32 {
			for i := range b.Rows {
				row := []any{b.Column("ts").I64[i], b.Column("cpu").I32[i], nil, nil, nil, b.Column("args").List(i)}
				if wanted(row) {
					rows = append(rows, int32(i))
				}
			}
			return rows
		}})
		want = slices.DeleteFunc(want, func(row []any) bool { return row[0].(int64) < 1e18+3000 })
		if got := read(t, r); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d rows, not %d", name, len(got), len(want))
		}
	}
}

// A record that is retained does not change when later ones are read, nor after the Reader is released and the capture
// closed. The memory of one that is not retained is reused.
func TestRetain(t *testing.T) {
	var batches []*format.Batch
	for i := range 10 {
		batches = append(batches, every(int64(i+1)*1e17, 100))
	}
	c := capture(t, format.WriterOptions{}, format.Zstd, batches...)
	want := scanned(t, c, nil)
	r := newReader(t, c, Options{})
	r.Retain()
	r.Release() // one reference is left
	var kept []arrow.Record
	memories := map[*int64]int{}
	for i := 0; r.Next(); i++ {
		memories[&r.Record().Column(3).(*array.Int64).Int64Values()[0]]++
		if i%5 == 0 {
			r.Record().Retain()
			kept = append(kept, r.Record())
		}
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	r.Release()
	if r.Next() || r.Record() != nil {
		t.Error("a record after the release")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for i, record := range kept {
		if got := values(record); !reflect.DeepEqual(got, want[i*500:i*500+100]) {
			t.Errorf("kept record %d has changed", i)
		}
		record.Release()
	}
	if len(memories) != 3 { // of the two that are kept, and one for the eight others
		t.Errorf("%d records in the memory of %d", len(batches), len(memories))
	}
}

// Every buffer of a record is given back, also those that slices of columns hold.
func TestRelease(t *testing.T) {
	c := capture(t, format.WriterOptions{}, format.Zstd, every(1e18, 100), every(2e18, 10))
	r := newReader(t, c, Options{})
	if !r.Next() {
		t.Fatal(r.Err())
	}
	memory := r.Record().Column(0).Data().Buffers()[1]
	slice := array.NewSlice(r.Record().Column(5), 10, 20)
	if !r.Next() || len(r.free) != 0 {
		t.Errorf("reused while a slice of it is held: %d free, %v", len(r.free), r.Err())
	}
	if memory.Len() != 0 {
		t.Error("a buffer without references was not freed")
	}
	slice.Release()
	if len(r.free) != 1 {
		t.Errorf("%d free after its last slice", len(r.free))
	}
	r.Release()
	if len(r.free) != 2 {
		t.Errorf("%d free after the reader", len(r.free))
	}
}

// Streams, one after the other, and files have the values of the table, and all memory for writing and reading them is
// released.
func TestWrite(t *testing.T) {
	c := capture(t, format.WriterOptions{SegmentBytes: 1}, format.Zstd, every(1e18, 100), every(2e18, 55))
	want := scanned(t, c, nil)
	ctx := context.Background()
	for codec := format.None; codec <= format.Zstd; codec++ {
		var stream, file bytes.Buffer
		for range 2 {
			r := newReader(t, c, Options{})
			if err := WriteStream(ctx, &stream, r, codec); err != nil {
				t.Fatal(err)
			}
			r.Release()
			if len(r.free) != 1 {
				t.Errorf("%v: %d batches free after writing", codec, len(r.free))
			}
		}
		r := newReader(t, c, Options{})
		if err := WriteFile(ctx, &file, r, codec); err != nil {
			t.Fatal(err)
		}
		r.Release()
		checked := memory.NewCheckedAllocator(memory.DefaultAllocator)
		for range 2 {
			in, err := ipc.NewReader(&stream, ipc.WithAllocator(checked))
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, in); !reflect.DeepEqual(got, want) {
				t.Errorf("%v: the stream has other values", codec)
			}
			in.Release()
		}
		if stream.Len() != 0 {
			t.Errorf("%v: %d bytes behind the streams", codec, stream.Len())
		}
		if got := readFile(t, file.Bytes(), checked); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: the file has other values", codec)
		}
		checked.AssertSize(t, 0)
	}
}

func readFile(t *testing.T, file []byte, m memory.Allocator) [][]any {
	t.Helper()
	in, err := ipc.NewFileReader(bytes.NewReader(file), ipc.WithAllocator(m))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	all := [][]any{}
	for i := range in.NumRecords() {
		record, err := in.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, values(record)...)
	}
	return all
}

// A table of which only the schema reached the disk is an empty stream and an empty file, and a segment that was cut
// off has the batches before.
func TestUnfinished(t *testing.T) {
	c := capture(t, format.WriterOptions{}, format.Zstd, every(1e18, 100), every(2e18, 100))
	want := scanned(t, c, nil)
	data, err := os.ReadFile(filepath.Join(c.Path, "every", "000001.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int]bool{}
	for size := 0; size <= len(data); size += 8 {
		dir := filepath.Join(t.TempDir(), "every")
		err := os.Mkdir(dir, 0o700)
		if err = errors.Join(err, os.WriteFile(filepath.Join(dir, "000001.arrow"), data[:size], 0o600)); err != nil {
			t.Fatal(err)
		}
		cut, err := format.Open(filepath.Dir(dir))
		if err != nil || cut.Table("every") == nil {
			continue // there is not even the schema
		}
		got := read(t, newReader(t, cut, Options{}))
		if !reflect.DeepEqual(got, want[:len(got)]) {
			t.Errorf("cut off at %d: other values", size)
		}
		counts[len(got)] = true
		if len(got) == 0 {
			var stream, file bytes.Buffer
			err := WriteStream(context.Background(), &stream, newReader(t, cut, Options{}), format.Zstd)
			err = errors.Join(err, WriteFile(context.Background(), &file, newReader(t, cut, Options{}), format.Zstd))
			if err != nil {
				t.Fatal(err)
			}
			in, err := ipc.NewReader(&stream)
			if err != nil {
				t.Fatal(err)
			}
			n := len(read(t, in)) + len(readFile(t, file.Bytes(), memory.DefaultAllocator))
			if n != 0 || !in.Schema().Equal(NewSchema(everySchema, nil)) {
				t.Errorf("%d rows of %v", n, in.Schema())
			}
		}
		cut.Close()
	}
	if !counts[0] || !counts[100] || !counts[200] {
		t.Errorf("tables of %v rows", counts)
	}
}

// Text that is not UTF-8 does not reach programs that rely on it.
func TestInvalidText(t *testing.T) {
	b := every(1e18, 5)
	texts := b.Column("name")
	texts.Str.Reset()
	for _, s := range []string{"a\xffb", "\xc3", "\xa4", "fine", "ä"} { // two halves of a character make none
		texts.Str.Append(s)
	}
	r := newReader(t, capture(t, format.WriterOptions{}, format.Zstd, b), Options{Columns: []string{"name"}})
	want := [][]any{{"a\uFFFDb"}, {"\uFFFD"}, {"\uFFFD"}, {"fine"}, {"ä"}}
	if got := read(t, r); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

// A record over a batch whose texts and lists do not begin at 0, as other writers make them, is written as it reads.
func TestOffsets(t *testing.T) {
	b := &format.Batch{Schema: everySchema, Rows: 2, Columns: []format.Vector{
		{Type: format.Timestamp, I64: []int64{1, 2}}, {Type: format.Int32, I32: []int32{1, 2}},
		{Type: format.Int32, I32: []int32{1, 2}}, {Type: format.Int64, I64: []int64{1, 2}},
		{Type: format.String, Str: format.Strings{Offsets: []int32{3, 5, 6}, Data: []byte("___abc___")}},
		{Type: format.StringList, Rows: []int32{1, 3, 4},
			Str: format.Strings{Offsets: []int32{2, 3, 4, 5, 6, 7}, Data: []byte("__uvwxyz")}},
	}}
	record := NewRecord(NewSchema(everySchema, nil), b)
	defer record.Release()
	want := [][]any{
		{int64(1), int32(1), int32(1), int64(1), "ab", []string{"v", "w"}},
		{int64(2), int32(2), int32(2), int64(2), "c", []string{"x"}},
	}
	if got := values(record); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
	var stream bytes.Buffer
	w, err := NewStreamWriter(&stream, record.Schema(), format.LZ4)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Append(b), w.Close()); err != nil {
		t.Fatal(err)
	}
	in, err := ipc.NewReader(&stream)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, in); !reflect.DeepEqual(got, want) {
		t.Errorf("written and read: %v", got)
	}
}

// Writing ends when its context does.
func TestWriteCanceled(t *testing.T) {
	c := capture(t, format.WriterOptions{}, format.Zstd, every(1e18, 100))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := WriteStream(ctx, io.Discard, newReader(t, c, Options{}), format.None); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := NewStreamWriter(io.Discard, NewSchema(everySchema, nil), format.Zstd+1); err == nil {
		t.Error("an unknown codec was accepted")
	}
}

// BenchmarkScan compares reading a table as records and as batches: what Arrow's objects cost on top of decoding.
func BenchmarkScan(b *testing.B) {
	var batches []*format.Batch
	for i := range 16 {
		batches = append(batches, every(int64(i+1)*1e17, 16<<10))
	}
	c := capture(b, format.WriterOptions{}, format.Zstd, batches...)
	for name, columns := range map[string][]string{"all": nil, "integers": {"ts", "cpu", "task", "size"}} {
		b.Run(name+"/batches", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := c.Table("every").Scan(context.Background(), columns, 1,
					func(int, *format.Batch) error { return nil })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/records", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := newReader(b, c, Options{Columns: columns})
				for r.Next() {
				}
				if r.Err() != nil {
					b.Fatal(r.Err())
				}
				r.Release()
			}
		})
	}
}
