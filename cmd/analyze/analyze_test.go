// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/export"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// write writes a capture and gives its path.
func write(t testing.TB, c *fixture.Capture) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture")
	if err := c.Write(path, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

// analyze runs the program.
func analyze(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

func TestProcessesWhosePIDsAreUsedAgain(t *testing.T) {
	f := fixture.New()
	second := time.Second
	f.AddTask(1, 10, 10, 1, 0, "sh", "/bin/sh")
	f.AddTask(2, 11, 11, 10, second, "one", "/bin/one")
	f.AddTask(3, 11, 11, 10, 3*second, "two", "/bin/two")
	f.AddTask(4, 12, 11, 10, 3*second, "thread", "/bin/two")
	// Out of order, as two processors write them.
	f.AddProcess(3*second, 1, 3, "exec", 11, 10, fixture.Row{"filename": "/bin/two", "args": []string{"two"}})
	f.AddProcess(4*second, 1, 3, "exit", 11, 10, fixture.Row{"exit_code": int32(3), "duration_ns": int64(2 * second)})
	f.AddProcess(0, 0, 1, "snapshot", 10, 1, fixture.Row{"args": []string{"sh"}})
	f.AddProcess(second/2, 0, 1, "fork", 11, 10, nil)
	f.AddProcess(second, 0, 2, "exec", 11, 10, fixture.Row{"filename": "/bin/one", "args": []string{"one", "a b"}})
	f.AddProcess(2*second, 0, 2, "exit", 11, 10, nil)
	f.AddProcess(2*second+1, 0, 1, "fork", 11, 10, nil)
	f.AddProcess(5*second, 0, 9, "exit", 77, 10, fixture.Row{"duration_ns": int64(10 * second), "signal": int32(15)}) // its beginning was lost
	f.AddProcess(6*second, 0, 9, "exec", 77, 10, fixture.Row{"args": []string{"again"}})
	for range 3 {
		f.AddSyscall(second+1, 0, 2, 0, 0, 0)
	}
	f.AddSyscall(3*second+1, 0, 3, 0, 0, 0)
	f.AddSyscall(3*second+1, 0, 4, 0, 0, 0)
	code, stdout, stderr := analyze("processes", write(t, f))
	const want = "" +
		"pid    start  lifetime  status   calls  command\n" +
		" 10   before         -  running      0  sh\n" +
		" 11  +0.500s         -  exit 0       3  ├─ one 'a b'\n" +
		" 11  +2.000s    2.00 s  exit 3       2  ├─ two\n" +
		" 77   before    10.0 s  SIGTERM      0  ├─ ?\n" +
		" 77   before         -  running      0  └─ again\n"
	if code != 0 || stdout != want {
		t.Errorf("got %d %s\n%s\nwant\n%s", code, stderr, stdout, want)
	}
}

// TestProcessesThatCannotBe draws a family of a stranger's making: parents of each other, and a line of descent that is
// very long.
func TestProcessesThatCannotBe(t *testing.T) {
	f := fixture.New()
	f.AddProcess(0, 0, 0, "snapshot", 5, 6, nil)
	f.AddProcess(0, 0, 0, "snapshot", 6, 5, nil)
	f.AddProcess(0, 0, 0, "snapshot", 7, 7, nil)
	f.AddProcess(1, 0, 0, "fork", 8, 8, nil)
	const deep = 100_000
	for i := range int32(deep) {
		f.AddProcess(time.Duration(i), 0, 0, "fork", 1000+i, 999+i, nil)
	}
	code, stdout, stderr := analyze("processes", write(t, f))
	if n := strings.Count(stdout, "\n"); code != 0 || n != 1+4+deep {
		t.Errorf("got %d, %d lines, %s", code, n, stderr)
	}
	if len(stdout) > 500*deep {
		t.Errorf("%d bytes", len(stdout))
	}
}

// TestTablesOfAnyShape runs every command on captures whose tables have columns of other names and types than a recorder
// writes: an answer or an error, never a panic, and nothing that acts on a terminal.
func TestTablesOfAnyShape(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 60 {
		path := write(t, randomCapture(r))
		for _, args := range [][]string{
			{"info", path}, {"info", "--json", path}, {"summary", path}, {"summary", "--json", path},
			{"syscalls", path}, {"syscalls", "--by", "comm,pid,errno", path}, {"syscalls", "-Y", `name == "read" || comm != "x"`, path},
			{"processes", path}, {"processes", "--json", path}, {"losses", path},
			{"files", path}, {"files", "--json", "--by", "comm,pid,op,path", path}, {"tcp", path}, {"tcp", "--json", "-Y", `comm != "x"`, path},
			{"ipc", path}, {"ipc", "--by", "pid,creator,right,mode", "--json", path},
			{"convert", path, "-o", path + ".parquet"}, {"convert", path, "-o", path + ".csv", "--format", "csv"},
			{"convert", path, "-o", path + ".jsonl", "--format", "jsonl"}, {"convert", path, "-o", path + ".arrow", "--format", "arrow"},
		} {
			code, stdout, stderr := analyze(args...)
			if code != 0 && code != 1 || code == 1 && !strings.HasPrefix(stderr, "analyze: error: ") {
				t.Fatalf("%v: exit status %d, %s", args, code, stderr)
			}
			for _, c := range stdout + stderr {
				if c != '\n' && !unicode.IsPrint(c) {
					t.Fatalf("%v: %U in the output", args, c)
				}
			}
		}
	}
}

// randomCapture has tables of the right names with columns of names that mean something and of types that may not fit.
func randomCapture(r *rand.Rand) *fixture.Capture {
	c := fixture.New()
	for _, s := range fixture.Schemas {
		schema := &format.Schema{Table: s.Table}
		for _, column := range s.Columns {
			switch r.IntN(24) {
			case 0:
				continue
			case 1:
				column.Type = format.Type(1 + r.IntN(5))
			}
			schema.Columns = append(schema.Columns, column)
		}
		for range r.IntN(5) {
			row := fixture.Row{}
			for _, column := range schema.Columns {
				row[column.Name] = randomValue(r, column.Type)
			}
			c.Add(schema, row)
		}
	}
	return c
}

func randomValue(r *rand.Rand, kind format.Type) any {
	text := []string{"exit", "fork", "exec", "snapshot", "read", "", "\x1b[2J", "\xff\u202e"}
	number := []int64{0, 1, 2, 7, -1, 1 << 30, -1 << 31, 1 << 62, -1 << 63, 1<<63 - 1}[r.IntN(10)]
	switch kind {
	case format.Int32:
		return int32(number)
	case format.String:
		return text[r.IntN(len(text))]
	case format.StringList:
		return text[:r.IntN(len(text))]
	}
	return number
}

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
				if code, _, stderr := analyze("convert", path, "-o", filepath.Join(b.TempDir(), "out"), "--force", "--format", f.Name); code != 0 {
					b.Fatal(stderr)
				}
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
