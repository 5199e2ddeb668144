// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

const benchRows = 1 << 16

// workload appends n system calls like those of a busy host: few call numbers,
// repeating results and descriptors, pointers that are near each other.
func workload(b *Batch, n int, seed uint64) *Batch {
	r := rand.New(rand.NewPCG(seed, 2))
	ts := int64(1700000000_000000000) + int64(seed)*1_000_000_000
	var stacks [8]int64
	for i := range stacks {
		stacks[i] = 0x7ffc_0000_0000 + r.Int64N(1<<30)&^0xfff
	}
	numbers := []int32{0, 0, 0, 1, 1, 202, 202, 232, 257, 3, 9, 262}
	put := func(name string, v int64) {
		c := b.Column(name)
		if c.Type == Int32 {
			c.I32 = append(c.I32, int32(v))
		} else {
			c.I64 = append(c.I64, v)
		}
	}
	for range n {
		ts += 200 + r.Int64N(3000)
		task := r.IntN(8)
		size := int64(1) << r.IntN(14)
		put("ts", ts)
		put("cpu", int64(task%4))
		put("task", int64(task+1))
		put("nr", int64(numbers[r.IntN(len(numbers))]))
		put("ret", []int64{0, size, size, -11}[r.IntN(4)])
		put("duration_ns", 200+r.Int64N(1<<(4+r.IntN(10))))
		put("arg0", r.Int64N(32))
		put("arg1", stacks[task]+r.Int64N(64)*16)
		put("arg2", size)
		put("arg3", 0)
		put("arg4", 0)
		put("arg5", 0)
	}
	b.Rows += n
	return b
}

func reportRows(b *testing.B, rows int) {
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(rows)/float64(b.N), "ns/row")
}

func BenchmarkEncode(b *testing.B) {
	batch := workload(NewBatch(syscallSchema), benchRows, 1)
	for _, codec := range []Codec{None, LZ4, Zstd} {
		b.Run(codec.String(), func(b *testing.B) {
			e := newEncoder(syscallSchema, nil)
			b.SetBytes(batch.size())
			b.ReportAllocs()
			var n int
			for b.Loop() {
				m, _, err := e.batch(batch, codec)
				if err != nil {
					b.Fatal(err)
				}
				n = len(m)
			}
			b.ReportMetric(float64(n)/benchRows, "B/row")
			reportRows(b, benchRows)
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	batch := workload(NewBatch(syscallSchema), benchRows, 1)
	for _, name := range []string{"directory", "capture.tar", "-"} {
		b.Run(name, func(b *testing.B) {
			path := name
			if path != "-" {
				path = filepath.Join(b.TempDir(), path)
			}
			w, err := Create(path, testManifest, WriterOptions{Stdout: io.Discard})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(batch.size())
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Append(batch, Zstd); err != nil {
					b.Fatal(err)
				}
			}
			reportRows(b, benchRows)
			if err := w.Close(nil); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// benchCapture writes a capture of n batches.
func benchCapture(b *testing.B, name string, n int, codec Codec) string {
	path := filepath.Join(b.TempDir(), name)
	w, err := Create(path, testManifest, WriterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	batch := NewBatch(syscallSchema)
	for i := range n {
		batch.Reset()
		if err := w.Append(workload(batch, benchRows, uint64(i)), codec); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		b.Fatal(err)
	}
	return path
}

func BenchmarkOpen(b *testing.B) {
	for _, name := range []string{"directory", "capture.tar"} {
		path := benchCapture(b, name, 64, Zstd)
		b.Run(name, func(b *testing.B) {
			c, err := Open(path)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(c.Table("syscall").Bytes)
			c.Close()
			b.ReportAllocs()
			for b.Loop() {
				c, err := Open(path)
				if err != nil {
					b.Fatal(err)
				}
				c.Close()
			}
			reportRows(b, 64*benchRows)
		})
	}
}

func BenchmarkScan(b *testing.B) {
	const batches = 32
	for _, codec := range []Codec{None, LZ4, Zstd} {
		c, err := Open(benchCapture(b, "capture", batches, codec))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		for _, p := range []struct {
			name    string
			columns []string
			width   int64
		}{
			{"all", nil, 84},
			{"three", []string{"nr", "ret", "duration_ns"}, 20},
		} {
			for _, workers := range []int{1, 0} {
				name := codec.String() + "/" + p.name + "/one"
				if workers == 0 {
					name = codec.String() + "/" + p.name + "/parallel"
				}
				b.Run(name, func(b *testing.B) {
					b.SetBytes(p.width * batches * benchRows)
					b.ReportAllocs()
					for b.Loop() {
						err := c.Table("syscall").Scan(context.Background(), p.columns, workers,
							func(int, *Batch) error { return nil })
						if err != nil {
							b.Fatal(err)
						}
					}
					reportRows(b, batches*benchRows)
				})
			}
		}
	}
}
