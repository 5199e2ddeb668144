// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/export"
	"github.com/fletch-trace/fletch/internal/fixture"
)

func BenchmarkSyscalls(b *testing.B) {
	const rows = 2_000_000
	f := fixture.New()
	for id := range int32(16) {
		f.AddTask(id+1, 1000+id, 1000, 1, 0, fmt.Sprintf("worker/%d", id), "/usr/bin/worker")
	}
	f.AddCalls(rows, 64<<10, 1)
	path := write(b, f)
	for _, by := range []string{"name", "comm", "comm,name"} {
		b.Run(by, func(b *testing.B) {
			for b.Loop() {
				if code, _, stderr := analyze("syscalls", path, "--by", by); code != 0 {
					b.Fatal(stderr)
				}
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

func BenchmarkConvert(b *testing.B) {
	const rows = 1_000_000
	f := fixture.New()
	f.AddTask(1, 1000, 1000, 1, 0, "worker", "/usr/bin/worker")
	f.AddCalls(rows, 64<<10, 1)
	path := write(b, f)
	for _, f := range export.Formats() {
		b.Run(f.Name, func(b *testing.B) {
			for b.Loop() {
				out := filepath.Join(b.TempDir(), "out")
				if code, _, stderr := analyze("convert", path, "-o", out, "--force", "--format", f.Name); code != 0 {
					b.Fatal(stderr)
				}
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
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
