// SPDX-License-Identifier: Apache-2.0

package test

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// hostile is a kind of capture that is small and would take much memory. make adds to it what grows with scale: at 1 it
// is too much for the least --max-memory, at 16 for the default.
type hostile struct {
	name     string
	view     string // the command that runs on it in the short form
	make     func(c *hostileCapture, scale int)
	manifest func(m *format.Manifest) // changes it; nil: nothing
	// write is for what no Writer writes, and for several captures: it writes them into dir and returns their paths.
	write func(t *testing.T, dir string, scale int) []string
}

var hostiles = []hostile{
	{name: "call numbers", view: "syscalls", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Syscall, 100_000*scale, cells{"nr": count, "task": one})
	}},
	{name: "results", view: "syscalls name,errno", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Syscall, 100_000*scale, cells{"nr": constant(0), "ret": func(i int) any { return int64(-i) }})
		c.add(fixture.TCP, 100_000*scale, cells{"op": constant("connect"), "ret": func(i int) any { return int32(-i) }})
	}},
	{name: "durations", view: "syscalls", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Task, 20_000*scale, cells{"task": count, "tid": count, "pid": count})
		c.add(fixture.Syscall, 400_000*scale, cells{"task": func(i int) any { return int32(i/20 + 1) },
			"duration_ns": func(i int) any { return int64(1) << (i % 20 * 3) }})
	}},
	{name: "names of threads", view: "syscalls comm", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Task, 100_000*scale, cells{"task": count, "tid": count, "pid": count, "ppid": constant(1),
			"comm": text("thread-%08d"), "exe": text("/usr/bin/%d")})
		c.add(fixture.Syscall, 100_000*scale, cells{"task": count})
	}},
	{name: "one long name", view: "convert csv", make: func(c *hostileCapture, scale int) {
		long := strings.Repeat("n", format.MaxText)
		c.add(fixture.Task, 1, cells{"task": one, "comm": constant(long)})
		c.add(fixture.Syscall, 2000*scale, cells{"task": one})
	}},
	{name: "long names", view: "syscalls comm", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Task, 1500*scale, cells{"task": count, "tid": count, "comm": longText})
		c.add(fixture.Syscall, 1500*scale, cells{"task": count})
	}},
	{name: "files", view: "files", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Path, 100_000*scale, cells{"path": count, "name": text("/var/lib/files/%d"), "ino": count,
			"mntns": count})
		c.add(fixture.File, 100_000*scale, cells{"op": constant("read"), "path": count, "task": count})
	}},
	{name: "one name in many namespaces", view: "files", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Path, 100_000*scale, cells{"path": count, "name": constant("/etc/passwd"), "ino": count,
			"mntns": count})
		c.add(fixture.File, 100_000*scale, cells{"op": constant("read"), "path": count, "task": one})
	}},
	{name: "every process has every file", view: "files", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Task, 1000, cells{"task": count, "pid": count})
		c.add(fixture.Path, 2000*scale, cells{"path": count, "name": text("/%d")})
		c.add(fixture.File, 1_000_000*scale, cells{"path": func(i int) any { return int32(i/500 + 1) },
			"task": func(i int) any { return int32(i%500 + 1) }})
	}},
	{name: "addresses", view: "tcp", make: func(c *hostileCapture, scale int) {
		for _, op := range []string{"connect", "accept", "snapshot", "close"} {
			c.add(fixture.TCP, 60_000*scale, cells{"op": constant(op), "saddr": text("10.0.0.%d"),
				"daddr": text("fe80::%d"), "sport": count, "dport": count})
		}
	}},
	{name: "processes", view: "processes", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Process, 150_000*scale, cells{"op": constant("fork"),
			"pid": func(i int) any { return int32(i + 2) }, "ppid": func(i int) any { return int32(i + 1) }})
	}},
	{name: "command lines", view: "processes", make: func(c *hostileCapture, scale int) {
		long := strings.Repeat("a", 60_000)
		c.add(fixture.Process, 1500*scale, cells{"op": constant("exec"), "pid": count,
			"args": constant([]string{long, "x"})})
	}},
	{name: "different command lines", view: "processes", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Process, 1500*scale, cells{"op": constant("exec"), "pid": count, "filename": longText,
			"args": func(i int) any { return []string{"x", longText(i).(string)[100:]} }})
	}},
	{name: "arguments", view: "processes json", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Process, 2000*scale, cells{"op": constant("exec"), "pid": count,
			"args": func(i int) any { return make([]string, format.MaxText/4-i%1000) }})
	}},
	{name: "calls in flight", view: "summary", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Pending, 400_000*scale, cells{"task": count})
		c.add(fixture.Syscall, 1000, cells{"task": count})
	}},
	{name: "losses", view: "losses", make: func(c *hostileCapture, scale int) {
		c.add(format.LossSchema, 200_000*scale, cells{"count": one,
			"family": func(i int) any { return fmt.Sprintf("family_%d", i%4000) }})
		c.add(format.LossSchema, 1000*scale, cells{"family": longText})
	}},
	{name: "objects", view: "ipc", make: func(c *hostileCapture, scale int) {
		c.add(fixture.IPC, 150_000*scale, cells{"uid": count, "key": count, "id": count, "owner": count})
	}},
	{name: "denials", view: "summary", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Seccomp, 150_000*scale, cells{"nr": count, "action": text("%d"), "code": count})
	}},
	{name: "ids that are far apart", view: "processes", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Cgroup, 400_000*scale, cells{"cgroup": func(i int) any { return int64(i) << 24 },
			"name": text("/%d")})
	}},
	{name: "ids that repeat", view: "summary", make: func(c *hostileCapture, scale int) {
		// Every other row is one that does not count.
		c.repeat(4*scale, fixture.Task, format.MaxRows, cells{"task": func(i int) any { return int32(i / 2 % 512) }})
	}},
	{name: "one time", view: "replay", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Task, 1, cells{"task": one, "comm": longText})
		for range 60 * scale {
			c.add(fixture.Syscall, 100, cells{"task": one})
		}
	}},
	{name: "centuries", view: "summary", make: func(c *hostileCapture, scale int) {
		c.add(fixture.Syscall, 100_000*scale, cells{"task": one, "ts": func(i int) any { return int64(i) << 45 },
			"duration_ns": func(i int) any { return int64(i) << 44 }})
	}},
	{name: "zeros", view: "syscalls", make: func(c *hostileCapture, scale int) {
		c.repeat(2*scale, fixture.Syscall, 500_000, nil)
	}},
	{name: "columns", view: "convert csv", make: func(c *hostileCapture, scale int) {
		s := &format.Schema{Table: "wide", Columns: fixture.Syscall.Columns[:3:3]}
		for i := len(s.Columns); i < format.MaxColumns; i++ {
			s.Columns = append(s.Columns, format.Column{Name: fmt.Sprintf("c%d", i), Type: format.String})
		}
		c.repeat(3*scale, s, 8000, cells{"c3": constant("x"), "c200": text("%d")})
	}},
	{name: "tables", view: "info", make: func(c *hostileCapture, scale int) {
		for i := range 60 * scale {
			c.add(&format.Schema{Table: fmt.Sprintf("t%d", i), Columns: fixture.Syscall.Columns}, 20_000, nil)
		}
	}},
	{name: "batches", view: "info", make: func(c *hostileCapture, scale int) {
		for range 2000 * scale {
			c.add(fixture.Syscall, 1, nil)
		}
	}},
	{name: "processes that are their own ancestors", view: "processes",
		make: func(c *hostileCapture, scale int) {
			c.add(fixture.Process, 100_000*scale, cells{"op": constant("fork"), "pid": count,
				"ppid": func(i int) any { return i ^ 1 + 1 }})
			c.add(fixture.Process, 100_000*scale, cells{"op": constant("exec"), "pid": count, "ppid": count})
		}},
	{name: "segments", view: "info", make: func(c *hostileCapture, scale int) {
		for c.generation = range 1000 * scale {
			c.add(fixture.Syscall, 1, nil)
		}
	}},
	{name: "segments with long metadata", view: "info", manifest: func(m *format.Manifest) {
		m.Host = strings.Repeat("h", 500_000)
	}, make: func(c *hostileCapture, scale int) {
		for c.generation = range 100 * scale {
			c.add(fixture.Syscall, 1, nil)
		}
	}},
	{name: "texts of the manifest", view: "info", manifest: func(m *format.Manifest) {
		// A control character takes six bytes in JSON, and four on a terminal.
		m.Notes, m.Command = []string{strings.Repeat("\x01", 1<<20)}, []string{strings.Repeat("\u202e", 1<<20)}
		m.Selection = &format.Selection{Comm: strings.Repeat("\x02", 1<<19)}
	}, make: oneCall},
	{name: "lists of the manifest", view: "info", manifest: func(m *format.Manifest) {
		m.CPUs, m.Selection = math.MaxInt, &format.Selection{PIDs: make([]int64, 100_000)}
		m.Command, m.Notes = make([]string, 40_000), make([]string, 40_000)
		m.Probes = append(m.Probes, make([]format.Probe, 8000)...)
		m.Changes = make([]format.Change, 8000)
	}, make: oneCall},
	{name: "tables of the manifest", view: "losses", write: func(t *testing.T, dir string, _ int) []string {
		var tables strings.Builder
		for i := range 80_000 {
			fmt.Fprintf(&tables, `,"t%d":{"rows":0,"lost":%d}`, i, i)
		}
		return []string{writeTar(t, dir, map[string]string{format.ManifestName: `{"format":{"major":1,"minor":2},` +
			`"tables":{` + tables.String()[1:] + `}}`})}
	}},
	{name: "lists in lists of the manifest", view: "info", write: func(t *testing.T, dir string, _ int) []string {
		return []string{writeTar(t, dir, map[string]string{format.ManifestName: `{"format":{"major":1,"minor":2},` +
			`"notes":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}`})}
	}},
	{name: "entries of a tar", view: "info", write: func(t *testing.T, dir string, scale int) []string {
		path := filepath.Join(dir, "capture.tar")
		err := writeFile(path, func(w io.Writer) error {
			out := tar.NewWriter(w)
			for i := range 20_000 * scale {
				h := &tar.Header{Typeflag: tar.TypeReg, Format: tar.FormatUSTAR,
					Name: fmt.Sprintf("syscall/%06d.arrow", i+1)}
				if err := out.WriteHeader(h); err != nil {
					return err
				}
			}
			return out.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
		return []string{path}
	}},
	{name: "dictionaries", view: "summary", write: func(t *testing.T, dir string, scale int) []string {
		return []string{writeTar(t, dir, map[string]string{"syscall/000001.arrow": foreignSegment(t, 100_000*scale),
			format.ManifestName: `{"format":{"major":1,"minor":2}}`})}
	}},
	{name: "several captures", view: "syscalls comm",
		write: func(t *testing.T, dir string, scale int) (paths []string) {
			for n := range 8 {
				path := filepath.Join(dir, fmt.Sprintf("%d.tar", n))
				writeHostile(t, path, nil, func(c *hostileCapture) {
					c.add(fixture.Task, 15_000*scale, cells{"task": count, "tid": count,
						"comm": func(i int) any { return fmt.Sprintf("%d-%d", n, i) }})
					c.add(fixture.Syscall, 15_000*scale, cells{"task": count})
				})
				paths = append(paths, path)
			}
			return paths
		}},
	{name: "parts of a recording", view: "summary",
		write: func(t *testing.T, dir string, scale int) (paths []string) {
			id := func(m *format.Manifest) { m.ID = strings.Repeat("1", 32) }
			for n := range 8 {
				path := filepath.Join(dir, fmt.Sprintf("%d.tar", n))
				writeHostile(t, path, id, func(c *hostileCapture) {
					for c.generation = range 100 * scale {
						c.add(fixture.Task, 1+n, cells{"task": count})
						c.add(fixture.Syscall, 1+n, cells{"task": count})
					}
				})
				paths = append(paths, path)
			}
			return paths
		}},
}

// oneCall adds a call.
func oneCall(c *hostileCapture, _ int) { c.add(fixture.Syscall, 1, nil) }

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
	t          *testing.T
	w          *format.Writer
	generation int // of what is added, less one
}

// add adds rows, in batches of no more than a writer takes.
func (c *hostileCapture) add(s *format.Schema, rows int, values cells) { c.repeat(1, s, rows, values) }

// repeat adds the same rows several times.
func (c *hostileCapture) repeat(times int, s *format.Schema, rows int, values cells) {
	c.t.Helper()
	b := format.NewBatch(s)
	flush := func() {
		b.Generation = c.generation + 1
		for range times {
			if err := c.w.Append(b, format.Zstd); err != nil {
				c.t.Fatal(err)
			}
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

// writeHostile writes a capture, with its manifest changed, unless change is nil.
func writeHostile(t *testing.T, path string, change func(m *format.Manifest), fill func(c *hostileCapture)) {
	t.Helper()
	m := fixture.New().Manifest
	if change != nil {
		change(&m)
	}
	w, err := format.Create(path, m, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fill(&hostileCapture{t: t, w: w})
	if err := w.Close(func(m *format.Manifest) { m.End = fixture.Start.Add(time.Second) }); err != nil {
		t.Fatal(err)
	}
}

// writeTar writes a tar of these files, and returns its path.
func writeTar(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	path := filepath.Join(dir, "capture.tar")
	err := writeFile(path, func(w io.Writer) error {
		out := tar.NewWriter(w)
		for name, content := range files {
			h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Format: tar.FormatUSTAR}
			if err := out.WriteHeader(h); err != nil {
				return err
			}
			if _, err := io.WriteString(out, content); err != nil {
				return err
			}
		}
		return out.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// writeFile creates a file, which write writes through a buffer.
func writeFile(path string, write func(w io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	return errors.Join(write(w), w.Flush(), f.Close())
}

// foreignSegment returns a segment as other programs may write it: with a dictionary of that many texts, and a column
// of lists in lists.
func foreignSegment(t *testing.T, texts int) string {
	t.Helper()
	nested := arrow.DataType(arrow.PrimitiveTypes.Int32)
	for range 4 {
		nested = arrow.ListOf(nested)
	}
	dictionary := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{{Name: "ts", Type: arrow.FixedWidthTypes.Timestamp_ns},
		{Name: "cpu", Type: arrow.PrimitiveTypes.Int32}, {Name: "task", Type: arrow.PrimitiveTypes.Int32},
		{Name: "name", Type: dictionary}, {Name: "nested", Type: nested}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range texts {
		b.Field(0).(*array.TimestampBuilder).Append(arrow.Timestamp(fixture.At(time.Duration(i))))
		b.Field(1).(*array.Int32Builder).Append(0)
		b.Field(2).(*array.Int32Builder).Append(0)
		text := strings.Repeat("x", 100) + strconv.Itoa(i)
		if err := b.Field(3).(*array.BinaryDictionaryBuilder).AppendString(text); err != nil {
			t.Fatal(err)
		}
		b.Field(4).AppendEmptyValue()
	}
	record := b.NewRecord()
	defer record.Release()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(schema), ipc.WithZstd())
	if err == nil {
		err = errors.Join(w.Write(record), w.Close())
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
