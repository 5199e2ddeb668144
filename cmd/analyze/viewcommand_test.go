// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// manyFiles adds n random reads and writes of 1000 files by 16 processes, in batches of 10000 rows.
func manyFiles(f *fixture.Capture, n int) {
	r := rand.New(rand.NewPCG(1, 1))
	for id := range int32(16) {
		f.AddTask(id+1, 1000+id, 1000+id, 1, 0, "worker/"+string(rune('a'+id)), "/usr/bin/worker")
	}
	for id := range int32(1000) {
		f.AddPath(id+1, "/srv/"+strings.Repeat("x", int(id%7))+string(rune('a'+id%26))+strconv.Itoa(int(id)))
	}
	for n > 0 {
		b := format.NewBatch(fixture.File)
		for range min(n, 10000) {
			for i, c := range b.Schema.Columns {
				v := &b.Columns[i]
				switch c.Name {
				case "op":
					v.Str.Append([]string{"read", "write"}[r.IntN(2)])
				case "task":
					v.I32 = append(v.I32, 1+r.Int32N(16))
				case "path":
					v.I32 = append(v.I32, 1+r.Int32N(1000))
				case "cpu", "flags":
					v.I32 = append(v.I32, 0)
				case "ret":
					v.I64 = append(v.I64, r.Int64N(8192)-100)
				default:
					v.I64 = append(v.I64, fixture.At(time.Duration(r.Int64N(1e9))))
				}
			}
			b.Rows++
		}
		n -= b.Rows
		f.AddBatch(b)
	}
}

// TestViewsOnAnyNumberOfWorkers checks that the output of a view does not depend on the number of workers.
func TestViewsOnAnyNumberOfWorkers(t *testing.T) {
	f := fixture.New()
	manyFiles(f, 50_000)
	path := filepath.Join(t.TempDir(), "capture")
	if err := f.Write(path, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	outputs := map[string]bool{}
	for _, workers := range []int{1, 4} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
		code, stdout, stderr := analyze("files", "--by", "path,op", "--json", path)
		if code != 0 {
			t.Fatal(stderr)
		}
		outputs[stdout] = true
	}
	if len(outputs) != 1 {
		t.Error("the number of workers changes what is counted")
	}
}
