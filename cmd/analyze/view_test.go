// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// manyFiles adds n reads and writes of 1000 files by 16 processes in blocks of 10000 rows.
func manyFiles(f *fixture.Capture, n int) {
	r := rand.New(rand.NewPCG(1, 1))
	for id := range int32(16) {
		f.AddTask(id+1, 1000+id, 1000+id, 1, 0, "worker/"+string(rune('a'+id)), "/usr/bin/worker")
	}
	for id := range int32(1000) {
		f.AddPath(id+1, "/srv/"+strings.Repeat("x", int(id%7))+string(rune('a'+id%26))+decimal(int64(id)))
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
				case "cpu":
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

// TestViewsCountTheSameOnAnyNumberOfWorkers counts in groups and sums the groups of all up to what one group has.
func TestViewsCountTheSameOnAnyNumberOfWorkers(t *testing.T) {
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

func TestDistinct(t *testing.T) {
	var d, o distinct
	if d.count() != 0 {
		t.Errorf("nothing is %d", d.count())
	}
	for _, p := range []uint64{0, 7, 0, 7, 9} {
		d.add(p)
	}
	for _, p := range []uint64{9, 10, 0} {
		o.add(p)
	}
	if d.count() != 3 || o.count() != 3 {
		t.Errorf("got %d and %d, want 3 and 3", d.count(), o.count())
	}
	d.merge(&o)
	d.merge(&distinct{})
	if d.count() != 4 {
		t.Errorf("together %d, want 4", d.count())
	}
}

func TestFailureText(t *testing.T) {
	u := &tcpUse{failures: map[int64]int64{111: 2, 110: 2, 104: 1, 101: 1000, 4000: 1, 113: 3}}
	if got, want := u.failureText(), "1,000 ENETUNREACH, 3 EHOSTUNREACH, 2 ECONNREFUSED, 2 ETIMEDOUT, …"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (&tcpUse{}).failureText(); got != "" {
		t.Errorf("none: got %q", got)
	}
}

func TestTooManyGroups(t *testing.T) {
	w := &viewWorker[int64]{groups: map[[maxKeys]uint64]*int64{}, codes: make([][]uint64, 1), most: 200}
	next := uint64(0)
	w.keys = []rowKey{{codes: func(dst []uint64, _ *format.Batch) {
		for i := range dst {
			dst[i], next = next, next+1
		}
	}}}
	w.add = func(*format.Batch) func(*int64, int) { return func(*int64, int) {} }
	b := &format.Batch{Schema: fixture.File, Rows: 100}
	errs := []bool{}
	for range 3 {
		errs = append(errs, w.count(b) != nil)
	}
	if !slices.Equal(errs, []bool{false, false, true}) {
		t.Errorf("errors: %v", errs)
	}
}

func BenchmarkFiles(b *testing.B) {
	const rows = 1_000_000
	f := fixture.New()
	manyFiles(f, rows)
	path := filepath.Join(b.TempDir(), "capture")
	if err := f.Write(path, time.Second, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if code := run([]string{"files", path}, nil, io.Discard, io.Discard); code != 0 {
			b.Fatalf("exit status %d", code)
		}
	}
	b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
}
