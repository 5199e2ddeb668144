// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var syscallSchema = &Schema{Table: "syscall", Columns: []Column{
	{"ts", Timestamp}, {"cpu", Int32}, {"task", Int32}, {"nr", Int32}, {"ret", Int64}, {"duration_ns", Int64},
	{"arg0", Int64}, {"arg1", Int64}, {"arg2", Int64}, {"arg3", Int64}, {"arg4", Int64}, {"arg5", Int64},
}}

var processSchema = &Schema{Table: "process", Columns: []Column{
	{"ts", Timestamp}, {"cpu", Int32}, {"task", Int32}, {"op", String}, {"pid", Int32}, {"ppid", Int32},
	{"filename", String}, {"args", StringList}, {"exit_code", Int32}, {"signal", Int32}, {"duration_ns", Int64},
}}

var pathSchema = &Schema{Table: "path", Columns: []Column{{"path", Int32}, {"dev", Int64}, {"ino", Int64},
	{"name", String}}}

var testManifest = Manifest{
	Host: "host", BootID: "0e1f", Kernel: "6.1.0-test", Arch: "x86_64", CPUs: 4, PageSize: 4096,
	Start:    time.Unix(1700000000, 123456789).UTC(),
	Clock:    []Clock{{Monotonic: 1, Wall: 1700000000123456789}},
	Recorder: Recorder{Version: "1.0.0", Args: []string{"record", "-w", "x"}},
	Probes: []Probe{{Family: "syscall", Mechanism: "tp_btf",
		Refused: []Refusal{{Mechanism: "fentry", Reason: "no <such> thing"}}}},
}

// fill appends n rows that depend only on seed.
func fill(b *Batch, n int, seed uint64) *Batch {
	r := rand.New(rand.NewPCG(seed, 1))
	ts := int64(1700000000_000000000) + int64(seed)*1_000_000
	for i := range n {
		row := map[string]any{}
		for _, c := range b.Schema.Columns {
			switch {
			case c.Name == "ts":
				ts += r.Int64N(5000) - 500
				row[c.Name] = ts
			case c.Type == Int32:
				row[c.Name] = int32(r.Uint32() >> (r.Uint32() % 32))
			case c.Type == Int64 || c.Type == Timestamp:
				row[c.Name] = int64(r.Uint64() >> (r.Uint64() % 64))
			case c.Type == String:
				row[c.Name] = []string{"", "exec", "naïve", fmt.Sprintf("/usr/lib/%d.so", r.IntN(100))}[r.IntN(4)]
			case c.Type == StringList:
				list := []string{}
				for j := range r.IntN(4) {
					list = append(list, []string{"", "-l", fmt.Sprint("arg", i, j)}[r.IntN(3)])
				}
				row[c.Name] = list
			}
		}
		if err := b.AppendRow(row); err != nil {
			panic(err)
		}
	}
	return b
}

// rows returns every value of b, which also tests that all can be read.
func rows(b *Batch) [][]any {
	out := make([][]any, b.Rows)
	for i := range out {
		for c := range b.Columns {
			v := &b.Columns[c]
			switch v.Type {
			case Int32:
				out[i] = append(out[i], v.I32[i])
			case Int64, Timestamp:
				out[i] = append(out[i], v.I64[i])
			case String:
				out[i] = append(out[i], v.Str.At(i))
			case StringList:
				out[i] = append(out[i], v.List(i))
			}
		}
	}
	return out
}

// write writes a capture of batches and closes it.
func write(t testing.TB, path string, codec Codec, batches ...*Batch) {
	t.Helper()
	w, err := Create(path, testManifest, WriterOptions{})
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
}

// open opens a capture, which is closed when the test ends.
func open(t testing.TB, path string) *Capture {
	t.Helper()
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// content returns every row of every table, in order.
func content(t testing.TB, c *Capture) map[string][][]any {
	t.Helper()
	all := map[string][][]any{}
	for _, table := range c.Tables() {
		name := table.Schema.Table
		all[name] = [][]any{}
		err := table.Scan(context.Background(), nil, 1, func(_ int, b *Batch) error {
			all[name] = append(all[name], rows(b)...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(all[name]) != int(table.Rows) {
			t.Errorf("table %s: %d rows, %d read", name, table.Rows, len(all[name]))
		}
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"incident", "incident.tar"} {
		for _, codec := range []Codec{None, LZ4, Zstd} {
			t.Run(name+"/"+codec.String(), func(t *testing.T) {
				roundTrip(t, filepath.Join(t.TempDir(), name), codec)
			})
		}
	}
}

func roundTrip(t *testing.T, path string, codec Codec) {
	w, err := Create(path, testManifest, WriterOptions{SegmentBytes: 20000})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][][]any{}
	for seed := range uint64(10) {
		for _, s := range []*Schema{syscallSchema, processSchema, pathSchema} {
			b := fill(NewBatch(s), int(seed*37%100)+1, seed)
			if err := w.Append(b, codec); err != nil {
				t.Fatal(err)
			}
			want[s.Table] = append(want[s.Table], rows(b)...)
		}
	}
	if err := w.Append(NewBatch(LossSchema), codec); err != nil {
		t.Errorf("no rows: %v", err)
	}
	status := 3
	tables := w.Tables()
	if err := w.Close(func(m *Manifest) { m.ExitStatus = &status; m.Notes = []string{"<note>"} }); err != nil {
		t.Fatal(err)
	}

	c := open(t, path)
	if len(c.Damage()) > 0 {
		t.Errorf("damage %v", c.Damage())
	}
	if got := content(t, c); !reflect.DeepEqual(got, want) {
		t.Error("other rows than written")
	}
	got := c.Manifest
	for name, info := range got.Tables {
		table := c.Table(name)
		if has := (TableInfo{table.Rows, 0, table.Bytes, len(table.Segments)}); info != has {
			t.Errorf("table %s: manifest has %+v, there is %+v", name, info, has)
		}
		if info.Rows != tables[name].Rows || info.Rows != int64(len(want[name])) {
			t.Errorf("table %s: %d rows in the manifest, %d in Tables, %d written",
				name, info.Rows, tables[name].Rows, len(want[name]))
		}
	}
	if len(got.Tables) != 3 || got.Tables["syscall"].Segments < 2 {
		t.Errorf("tables %+v", got.Tables)
	}
	if time.Since(got.End) > time.Minute {
		t.Errorf("end %v", got.End)
	}
	wantManifest := testManifest
	wantManifest.Format, wantManifest.Complete = Current, true
	wantManifest.ExitStatus, wantManifest.Notes = &status, []string{"<note>"}
	segments := 0
	for _, table := range c.Tables() {
		segments += len(table.Segments)
	}
	if len(got.ID) != 32 || len(got.SHA256) != segments {
		t.Errorf("id %q, %d checksums", got.ID, len(got.SHA256))
	}
	if n, err := verified(t, c); n != len(got.SHA256) || err != nil {
		t.Errorf("verified %d segments: %v", n, err)
	}
	got.Tables, got.End, got.ID, got.SHA256, got.Checksum = nil, time.Time{}, "", nil, ""
	if !reflect.DeepEqual(got, wantManifest) {
		t.Errorf("manifest %+v, not %+v", got, wantManifest)
	}
}

// A block has the least and the greatest time of its rows, whatever their order.
func TestBlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	a, b := fill(NewBatch(syscallSchema), 50, 1), fill(NewBatch(syscallSchema), 1, 2)
	write(t, path, Zstd, a, b, fill(NewBatch(pathSchema), 5, 1))
	c := open(t, path)
	blocks := c.Table("syscall").Blocks()
	if len(blocks) != 2 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for i, want := range []*Batch{a, b} {
		ts := want.Column("ts").I64
		if got := blocks[i]; got.Rows != want.Rows || got.MinTS != slices.Min(ts) || got.MaxTS != slices.Max(ts) {
			t.Errorf("block %d: %+v", i, got)
		}
	}
	if slices.IsSorted(a.Column("ts").I64) {
		t.Error("the batch is in order, which shows less")
	}
	if got := c.Table("path").Blocks()[0]; got.MinTS != 0 || got.MaxTS != 0 {
		t.Errorf("block without ts: %+v", got)
	}
	var dst Batch
	if err := c.Table("syscall").Read(&dst, Block{Segment: 1}, nil); err == nil {
		t.Error("read a block of a segment that is not there")
	}
	if err := c.Table("syscall").Read(&dst, Block{}, nil); err == nil {
		t.Error("read the zero block")
	}
}

func TestProjection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	full := fill(NewBatch(processSchema), 100, 1)
	write(t, path, Zstd, full)
	table := open(t, path).Table("process")
	var dst Batch
	for _, c := range []struct{ ask, get []string }{
		{[]string{"args", "ts"}, []string{"ts", "args"}},
		{[]string{"op", "none", "op"}, []string{"op"}},
		{[]string{}, []string{}},
		{nil, []string{"ts", "cpu", "task", "op", "pid", "ppid", "filename", "args", "exit_code", "signal",
			"duration_ns"}},
		{[]string{"signal"}, []string{"signal"}},
	} {
		if err := table.Read(&dst, table.Blocks()[0], c.ask); err != nil {
			t.Fatal(err)
		}
		if dst.Rows != full.Rows || len(dst.Columns) != len(c.get) || len(dst.Schema.Columns) != len(c.get) {
			t.Fatalf("%v: %d rows of %v", c.ask, dst.Rows, dst.Schema.Columns)
		}
		for i, name := range c.get {
			if dst.Schema.Columns[i].Name != name || dst.Column(name) != &dst.Columns[i] {
				t.Errorf("%v: column %d is %v", c.ask, i, dst.Schema.Columns[i])
			}
			one := func(b *Batch) [][]any {
				return rows(&Batch{Rows: b.Rows, Columns: []Vector{*b.Column(name)}})
			}
			if !reflect.DeepEqual(one(&dst), one(full)) {
				t.Errorf("%v: column %s differs", c.ask, name)
			}
		}
		if dst.Column("ppid") != nil && c.ask != nil {
			t.Errorf("%v: has ppid", c.ask)
		}
	}
}

// scanTable returns a table of blocks batches, in several segments.
func scanTable(t *testing.T, blocks int) *Table {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c")
	w, err := Create(path, testManifest, WriterOptions{SegmentBytes: 5000})
	if err != nil {
		t.Fatal(err)
	}
	b := NewBatch(syscallSchema)
	for i := range blocks {
		b.Reset()
		if err := w.Append(fill(b, 10, uint64(i)), Zstd); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	table := open(t, path).Table("syscall")
	if len(table.Segments) < 3 {
		t.Fatalf("%d segments", len(table.Segments))
	}
	return table
}

func TestScan(t *testing.T) {
	const blocks = 50
	table := scanTable(t, blocks)
	for workers := range 4 {
		var mu sync.Mutex
		seen := map[int64]int{}
		busy := map[int]bool{}
		err := table.Scan(context.Background(), []string{"ts"}, workers, func(worker int, b *Batch) error {
			mu.Lock()
			if busy[worker] || worker < 0 || workers > 0 && worker >= workers {
				t.Errorf("worker %d of %d", worker, workers)
			}
			busy[worker] = true
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
			busy[worker] = false
			for _, ts := range b.Columns[0].I64 {
				seen[ts]++
			}
			mu.Unlock()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range blocks {
			for _, ts := range fill(NewBatch(syscallSchema), 10, uint64(i)).Column("ts").I64 {
				if seen[ts] != 1 {
					t.Fatalf("%d workers: row at %d seen %d times", workers, ts, seen[ts])
				}
			}
		}
	}
}

// An error, or the end of the context, ends a scan after at most one more batch per worker.
func TestScanStops(t *testing.T) {
	table := scanTable(t, 50)
	for workers := 1; workers < 4; workers++ {
		stop := errors.New("enough")
		var calls atomic.Int64
		err := table.Scan(context.Background(), nil, workers, func(int, *Batch) error {
			if calls.Add(1) == 3 {
				return stop
			}
			return nil
		})
		if err != stop || calls.Load() > int64(3+workers) {
			t.Errorf("%d workers: error %v after %d calls", workers, err, calls.Load())
		}
		ctx, cancel := context.WithCancel(context.Background())
		calls.Store(0)
		err = table.Scan(ctx, nil, workers, func(int, *Batch) error {
			calls.Add(1)
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) || calls.Load() > int64(workers) {
			t.Errorf("%d workers: error %v after %d calls", workers, err, calls.Load())
		}
	}
}

// Tables are written from several goroutines and read from several.
func TestConcurrent(t *testing.T) {
	for _, name := range []string{"c", "c.tar"} {
		path := filepath.Join(t.TempDir(), name)
		w, err := Create(path, testManifest, WriterOptions{SegmentBytes: 10000})
		if err != nil {
			t.Fatal(err)
		}
		schemas := []*Schema{syscallSchema, processSchema, pathSchema, syscallSchema}
		var wg sync.WaitGroup
		for i, s := range schemas {
			wg.Go(func() {
				b := NewBatch(s)
				for j := range 40 {
					b.Reset()
					if err := w.Append(fill(b, 20, uint64(100*i+j)), Codec(j%3)); err != nil {
						t.Error(err)
					}
					if j%10 == 0 {
						w.Tables()
						if err := w.Flush(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		if err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
		c := open(t, path)
		if !c.Manifest.Complete {
			t.Errorf("%s: incomplete: %v", name, c.Damage())
		}
		for table, want := range map[string]int64{"syscall": 1600, "process": 800, "path": 800} {
			if got := c.Table(table).Rows; got != want {
				t.Errorf("%s: table %s: %d rows, not %d", name, table, got, want)
			}
			wg.Go(func() {
				var rows atomic.Int64
				err := c.Table(table).Scan(context.Background(), nil, 2, func(_ int, b *Batch) error {
					rows.Add(int64(b.Rows))
					return nil
				})
				if err != nil || rows.Load() != want {
					t.Errorf("%s: table %s: read %d rows: %v", name, table, rows.Load(), err)
				}
			})
		}
		wg.Wait()
	}
}
