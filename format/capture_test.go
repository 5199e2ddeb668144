// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
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

var pathSchema = &Schema{Table: "path", Columns: []Column{{"path", Int32}, {"dev", Int64}, {"ino", Int64}, {"name", String}}}

var testManifest = Manifest{
	Host: "host", BootID: "0e1f", Kernel: "6.1.0-test", Arch: "x86_64", CPUs: 4, PageSize: 4096,
	Start:    time.Unix(1700000000, 123456789).UTC(),
	Clock:    []Clock{{Monotonic: 1, Wall: 1700000000123456789}},
	Recorder: Recorder{Version: "1.0.0", Args: []string{"record", "-w", "x"}},
	Probes:   []Probe{{Family: "syscall", Mechanism: "tp_btf", Refused: []Refusal{{Mechanism: "fentry", Reason: "no <such> thing"}}}},
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
				var list []string
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

// rows returns every value of b, which shows that all can be reached.
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

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"incident", "incident.tar"} {
		for _, codec := range []Codec{None, LZ4, Zstd} {
			t.Run(name+"/"+codec.String(), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), name)
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
				if err := w.Close(nil); err != nil {
					t.Fatal(err)
				}
				c, err := Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if !c.Manifest.Complete || len(c.Damage()) > 0 {
					t.Errorf("complete %v, damage %v", c.Manifest.Complete, c.Damage())
				}
				for name, want := range want {
					var got [][]any
					if err := c.Table(name).Scan(context.Background(), nil, 1, func(_ int, b *Batch) error {
						got = append(got, rows(b)...)
						return nil
					}); err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(got, want) {
						t.Errorf("table %s: rows differ", name)
					}
				}
			})
		}
	}
}
