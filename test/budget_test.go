// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// hostile is a kind of capture that is small and would take much memory. make adds to it what grows with scale: at 1 it
// is too much for the least --max-memory, at 16 for the default.
type hostile struct {
	name string
	// views are the commands that it is made against. Only the first runs on it in the short form, and in the long form
	// all others.
	views []string
	make  func(c *hostileCapture, scale int)
}

var hostiles = []hostile{
	{"call numbers", []string{"syscalls", "syscalls name,comm,errno", "summary", "convert parquet", "convert csv",
		"replay"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Syscall, 100_000*scale, cells{"nr": count, "task": one})
	}},
	{"results", []string{"syscalls name,errno", "summary"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Syscall, 100_000*scale, cells{"nr": constant(0), "ret": func(i int) any { return int64(-i) }})
		c.add(fixture.TCP, 100_000*scale, cells{"op": constant("connect"), "ret": func(i int) any { return int32(-i) }})
	}},
	{"durations", []string{"syscalls", "syscalls tid,name", "summary"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Task, 20_000*scale, cells{"task": count, "tid": count, "pid": count})
		c.add(fixture.Syscall, 400_000*scale, cells{"task": func(i int) any { return int32(i/20 + 1) },
			"duration_ns": func(i int) any { return int64(1) << (i % 20 * 3) }})
	}},
	{"names of threads", []string{"syscalls comm", "summary", "processes", "convert parquet", "convert arrow", "replay",
		"replay json"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Task, 100_000*scale, cells{"task": count, "tid": count, "pid": count, "ppid": constant(1),
			"comm": text("thread-%08d"), "exe": text("/usr/bin/%d")})
		c.add(fixture.Syscall, 100_000*scale, cells{"task": count})
	}},
	{"one long name", []string{"convert csv", "convert jsonl", "convert arrow", "convert parquet", "syscalls comm",
		"replay json"}, func(c *hostileCapture, scale int) {
		long := strings.Repeat("n", format.MaxText)
		c.add(fixture.Task, 1, cells{"task": one, "comm": constant(long)})
		c.add(fixture.Syscall, 2000*scale, cells{"task": one})
	}},
	{"long names", []string{"syscalls comm", "summary", "processes", "convert csv", "replay json"},
		func(c *hostileCapture, scale int) {
			c.add(fixture.Task, 1500*scale, cells{"task": count, "tid": count, "comm": longText})
			c.add(fixture.Syscall, 1500*scale, cells{"task": count})
		}},
	{"files", []string{"files", "files path,comm,pid", "summary", "convert csv", "replay json"},
		func(c *hostileCapture, scale int) {
			c.add(fixture.Path, 100_000*scale, cells{"path": count, "name": text("/var/lib/files/%d"), "ino": count,
				"mntns": count})
			c.add(fixture.File, 100_000*scale, cells{"op": constant("read"), "path": count, "task": count})
		}},
	{"one name in many namespaces", []string{"files", "summary"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Path, 100_000*scale, cells{"path": count, "name": constant("/etc/passwd"), "ino": count,
			"mntns": count})
		c.add(fixture.File, 100_000*scale, cells{"op": constant("read"), "path": count, "task": one})
	}},
	{"every process has every file", []string{"files", "summary"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Task, 1000, cells{"task": count, "pid": count})
		c.add(fixture.Path, 2000*scale, cells{"path": count, "name": text("/%d")})
		c.add(fixture.File, 1_000_000*scale, cells{"path": func(i int) any { return int32(i/500 + 1) },
			"task": func(i int) any { return int32(i%500 + 1) }})
	}},
	{"addresses", []string{"tcp", "summary", "replay"}, func(c *hostileCapture, scale int) {
		for _, op := range []string{"connect", "accept", "snapshot", "close"} {
			c.add(fixture.TCP, 60_000*scale, cells{"op": constant(op), "saddr": text("10.0.0.%d"),
				"daddr": text("fe80::%d"), "sport": count, "dport": count})
		}
	}},
	{"processes", []string{"processes", "processes json", "summary", "convert jsonl", "replay"},
		func(c *hostileCapture, scale int) {
			c.add(fixture.Process, 150_000*scale, cells{"op": constant("fork"),
				"pid": func(i int) any { return int32(i + 2) }, "ppid": func(i int) any { return int32(i + 1) }})
		}},
	{"command lines", []string{"processes", "processes json", "summary", "convert parquet", "convert csv", "replay"},
		func(c *hostileCapture, scale int) {
			long := strings.Repeat("a", 60_000)
			c.add(fixture.Process, 1500*scale, cells{"op": constant("exec"), "pid": count,
				"args": constant([]string{long, "x"})})
		}},
	{"different command lines", []string{"processes", "summary", "convert jsonl"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Process, 1500*scale, cells{"op": constant("exec"), "pid": count, "filename": longText,
			"args": func(i int) any { return []string{"x", longText(i).(string)[100:]} }})
	}},
	{"arguments", []string{"processes json", "convert parquet", "replay"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Process, 2000*scale, cells{"op": constant("exec"), "pid": count,
			"args": func(i int) any { return make([]string, format.MaxText/4-i%1000) }})
	}},
	{"calls in flight", []string{"summary", "replay", "convert csv"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Pending, 400_000*scale, cells{"task": count})
		c.add(fixture.Syscall, 1000, cells{"task": count})
	}},
	{"losses", []string{"losses", "losses json", "info", "replay"}, func(c *hostileCapture, scale int) {
		c.add(format.LossSchema, 200_000*scale, cells{"count": one,
			"family": func(i int) any { return fmt.Sprintf("family_%d", i%4000) }})
		c.add(format.LossSchema, 1000*scale, cells{"family": longText})
	}},
	{"objects", []string{"ipc", "ipc uid,comm,key,id,owner,creator,mode", "convert csv"},
		func(c *hostileCapture, scale int) {
			c.add(fixture.IPC, 150_000*scale, cells{"uid": count, "key": count, "id": count, "owner": count})
		}},
	{"denials", []string{"summary", "replay"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Seccomp, 150_000*scale, cells{"nr": count, "action": text("%d"), "code": count})
	}},
	{"ids that are far apart", []string{"processes", "convert csv", "summary"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Cgroup, 400_000*scale, cells{"cgroup": func(i int) any { return int64(i) << 24 },
			"name": text("/%d")})
	}},
	{"ids that repeat", []string{"summary", "convert csv"}, func(c *hostileCapture, scale int) {
		for range 4 * scale { // every other row is one that does not count
			c.add(fixture.Task, format.MaxRows, cells{"task": func(i int) any { return int32(i / 2 % 512) }})
		}
	}},
	{"one time", []string{"replay", "replay json"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Task, 1, cells{"task": one, "comm": longText})
		for range 60 * scale {
			c.add(fixture.Syscall, 100, cells{"task": one})
		}
	}},
	{"centuries", []string{"summary", "replay", "syscalls", "info"}, func(c *hostileCapture, scale int) {
		c.add(fixture.Syscall, 100_000*scale, cells{"task": one, "ts": func(i int) any { return int64(i) << 45 },
			"duration_ns": func(i int) any { return int64(i) << 44 }})
	}},
	{"zeros", []string{"syscalls", "summary", "convert parquet", "convert csv", "replay"},
		func(c *hostileCapture, scale int) {
			for range 2 * scale {
				c.add(fixture.Syscall, 500_000, nil)
			}
		}},
	{"columns", []string{"convert csv", "convert arrow", "replay"}, func(c *hostileCapture, scale int) {
		s := &format.Schema{Table: "wide", Columns: fixture.Syscall.Columns[:3:3]}
		for i := len(s.Columns); i < format.MaxColumns; i++ {
			s.Columns = append(s.Columns, format.Column{Name: fmt.Sprintf("c%d", i), Type: format.String})
		}
		for range 3 * scale {
			c.add(s, 8000, cells{"c3": constant("x"), "c200": text("%d")})
		}
	}},
	{"tables", []string{"info", "summary", "replay"}, func(c *hostileCapture, scale int) {
		for i := range 60 * scale {
			c.add(&format.Schema{Table: fmt.Sprintf("t%d", i), Columns: fixture.Syscall.Columns}, 20_000, nil)
		}
	}},
	{"batches", []string{"info", "summary", "replay"}, func(c *hostileCapture, scale int) {
		for range 2000 * scale {
			c.add(fixture.Syscall, 1, nil)
		}
	}},
}

// cells are the values of a table by column; other columns are 0 or empty.
type cells map[string]func(i int) any

func count(i int) any { return i + 1 }
func one(int) any     { return 1 }

func constant(v any) func(int) any { return func(int) any { return v } }

func text(layout string) func(int) any { return func(i int) any { return fmt.Sprintf(layout, i) } }

// longText is a text of nearly the greatest length, another in each row.
func longText(i int) any { return strconv.Itoa(i) + strings.Repeat("x", 50_000) }

// hostileCapture is a capture that is written.
type hostileCapture struct {
	t *testing.T
	w *format.Writer
}

// add adds rows, in batches of no more than a writer takes.
func (c *hostileCapture) add(s *format.Schema, rows int, values cells) {
	c.t.Helper()
	b := format.NewBatch(s)
	flush := func() {
		if err := c.w.Append(b, format.Zstd); err != nil {
			c.t.Fatal(err)
		}
		b.Reset()
	}
	for i := range rows {
		for j, column := range s.Columns {
			value := values[column.Name]
			if value == nil && column.Name == "ts" {
				value = func(i int) any { return fixture.At(time.Duration(i)) }
			}
			if value == nil {
				appendZero(&b.Columns[j])
				continue
			}
			appendValue(&b.Columns[j], value(i))
		}
		if b.Rows++; b.Rows == format.MaxRows || b.Rows%64 == 0 && b.Bytes() > format.MaxBatchBytes*3/4 {
			flush()
		}
	}
	flush()
}

func appendZero(v *format.Vector) {
	switch v.Type {
	case format.Int32:
		v.I32 = append(v.I32, 0)
	case format.Int64, format.Timestamp:
		v.I64 = append(v.I64, 0)
	case format.String:
		v.Str.Append("")
	case format.StringList:
		v.Rows = append(v.Rows, int32(v.Str.Len()))
	}
}

func appendValue(v *format.Vector, value any) {
	number := func() int64 {
		switch n := value.(type) {
		case int:
			return int64(n)
		case int32:
			return int64(n)
		}
		return value.(int64)
	}
	switch v.Type {
	case format.Int32:
		v.I32 = append(v.I32, int32(number()))
	case format.Int64, format.Timestamp:
		v.I64 = append(v.I64, number())
	case format.String:
		v.Str.Append(value.(string))
	case format.StringList:
		for _, text := range value.([]string) {
			v.Str.Append(text)
		}
		v.Rows = append(v.Rows, int32(v.Str.Len()))
	}
}

// readerCommands are all ways to read a capture, by a name: the command, and the keys of a view, the format of convert,
// or json.
var readerCommands = []string{"info", "verify", "info json", "summary", "summary json", "syscalls",
	"syscalls name,comm,pid,tid,errno", "files", "files path,comm,pid,op", "tcp", "tcp comm,pid,direction,peer,port",
	"processes", "processes json", "ipc", "losses", "losses json", "convert parquet", "convert csv", "convert jsonl",
	"convert arrow", "replay", "replay json", "replay arrow"}

// readerCommand returns the command line of a name.
func readerCommand(name, capture, dir string) []string {
	command, how, _ := strings.Cut(name, " ")
	args := []string{filepath.Join(bin, "analyze"), command, capture}
	if command == "replay" {
		args = []string{filepath.Join(bin, "replay"), capture}
	}
	switch {
	case command == "convert":
		return append(args, "-o", dir, "--force", "--format", how)
	case how == "json", how == "arrow":
		return append(args, "--"+how)
	case how != "":
		return append(args, "--by", how)
	}
	return args
}

// TestReadersStayInMemory runs readers as programs on captures that are small and would take much memory, with little
// of it, and looks how much they took: each must print a result or one line that says why not. The long form runs every
// reader on every capture, with the default.
func TestReadersStayInMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("measures memory as Linux counts it")
	}
	memory, scale := 64, 1
	if large {
		memory, scale = 1024, 16
	}
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "capture.tar")
			writeHostile(t, path, func(c *hostileCapture) { h.make(c, scale) })
			commands := h.views[:1]
			if large {
				commands = readerCommands
			}
			readWithin(t, path, memory, commands)
		})
	}
}

// A recording of a host with 300,000 names of threads is no attack: everything reads it with the default.
func TestManyThreadNamesAreRead(t *testing.T) {
	if !large {
		t.Skip("takes minutes; FLETCH_TORTURE=large runs it")
	}
	path := filepath.Join(t.TempDir(), "capture.tar")
	writeHostile(t, path, func(c *hostileCapture) {
		const threads = 300_000
		c.add(fixture.Task, threads, cells{"task": count, "tid": count, "pid": func(i int) any { return i/100 + 1 },
			"comm": text("thread-%d"), "exe": text("/usr/bin/%d")})
		c.add(fixture.Syscall, 20*threads, cells{"task": func(i int) any { return i%threads + 1 },
			"nr":          func(i int) any { return i * 7 % 300 },
			"duration_ns": func(i int) any { return i * 7919 % 1_000_003 },
			"arg0":        func(i int) any { return i * 104729 % 4093 },
			"arg1":        func(i int) any { return i * 1299709 % 65537 }})
	})
	for _, name := range readerCommands {
		if status := readWithin(t, path, 1024, []string{name}); status != 0 {
			t.Errorf("%s: exit status %d", name, status)
		}
	}
}

func writeHostile(t *testing.T, path string, fill func(c *hostileCapture)) {
	t.Helper()
	w, err := format.Create(path, fixture.New().Manifest, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fill(&hostileCapture{t, w})
	if err := w.Close(func(m *format.Manifest) { m.End = fixture.Start.Add(time.Second) }); err != nil {
		t.Fatal(err)
	}
}

// readWithin runs commands on a capture with that many MiB of memory, and returns the last exit status.
func readWithin(t *testing.T, path string, memory int, commands []string) (status int) {
	t.Helper()
	for _, name := range commands {
		dir := filepath.Join(t.TempDir(), "out")
		args := append(readerCommand(name, path, dir), "--max-memory", fmt.Sprintf("%dMiB", memory))
		var peak int64
		var stderr string
		status, peak, stderr = measure(t, args)
		os.RemoveAll(dir)
		t.Logf("%s: exit status %d, %d MiB, %.200s", name, status, peak>>20, stderr)
		program := filepath.Base(args[0])
		if !fixture.Ended(program, args[1:], status, stderr) ||
			strings.Count("\n"+stderr, "\n"+program+": error: ") > 1 {
			t.Errorf("%s: exit status %d, not one line that says why: %.500s", name, status, stderr)
		}
		if peak > int64(memory)<<20 {
			t.Errorf("%s: %d MiB, more than --max-memory %d MiB", name, peak>>20, memory)
		}
	}
	return status
}

// measureVariable makes this program run the command line in its arguments and print the greatest memory that it took.
const measureVariable = "FLETCH_TEST_MEASURE"

// measure runs a program and returns the most memory that it had. The kernel also counts that of the process that
// started it, so another one, which is small, does.
func measure(t *testing.T, args []string) (status int, peak int64, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), measureVariable+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("measuring %q: %v\n%s", args, err, &errs)
	}
	if _, err := fmt.Sscan(out.String(), &status, &peak); err != nil {
		t.Fatalf("measuring %q: %v: %q", args, err, &out)
	}
	return status, peak, errs.String()
}
