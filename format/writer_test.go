// SPDX-License-Identifier: Apache-2.0

package format

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// tree lists what is below dir, each name after its mode.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if name != "." {
			names = append(names, info.Mode().String()+" "+filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestCreateModes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "a.tar"} {
		write(t, filepath.Join(dir, name), Zstd, fill(NewBatch(syscallSchema), 5, 1))
	}
	want := []string{
		"drwx------ a",
		"-rw------- a/capture.json",
		"drwx------ a/syscall",
		"-rw------- a/syscall/000001.arrow",
		"-rw------- a.tar",
	}
	if got := tree(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Create replaces only captures, and only with Force; everything else it leaves unchanged.
func TestCreateExists(t *testing.T) {
	file := func(names ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			for _, name := range names {
				full := filepath.Join(path, name)
				os.MkdirAll(filepath.Dir(full), 0o700)
				if err := os.WriteFile(full, []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	capture := func(t *testing.T, path string) { write(t, path, None, fill(NewBatch(pathSchema), 5, 1)) }
	put := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	empty := func(t *testing.T, path string) { os.Mkdir(path, 0o700) }
	directory := func(name string) tarEntry {
		return tarEntry{tar.Header{Name: name, Typeflag: tar.TypeDir}, nil}
	}
	anothers := func(make func(*testing.T, string)) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			make(t, path)
			if err := os.Chown(path, 54321, 54321); err != nil {
				t.Skipf("takes root: %v", err)
			}
		}
	}
	link := func(t *testing.T, path string) {
		capture(t, path+".target")
		if err := os.Symlink(path+".target", path); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		path  string
		make  func(t *testing.T, path string)
		force bool // whether Force replaces it
	}{
		{"empty directory", "c", empty, true},
		{"empty directory of another user", "c", anothers(empty), false},
		{"capture", "c", capture, true},
		{"damaged capture", "c", func(t *testing.T, path string) {
			capture(t, path)
			put(path+"/capture.json", "")
			put(path+"/capture.json.new", "{")
		}, true},
		{"capture of a later version", "c", func(t *testing.T, path string) {
			empty(t, path)
			put(path+"/capture.json", `{"format": {"major": 99, "minor": 0}}`)
		}, true},
		{"capture that has only begun", "c", func(t *testing.T, path string) {
			capture(t, path)
			os.RemoveAll(path + "/path")
			os.Rename(path+"/capture.json", path+"/capture.json.new")
		}, true},
		{"capture that has hardly begun", "c", func(t *testing.T, path string) {
			empty(t, path)
			put(path+"/capture.json.new", "")
		}, true},
		{"capture.json of something else", "c", func(t *testing.T, path string) {
			empty(t, path)
			put(path+"/capture.json", `{"name": "camera"}`)
		}, false},
		{"no content of a capture", "c",
			file("capture.json", "capture.json.new", "syscall/000001.arrow", "loss/1000000.arrow"), false},
		{"capture with another file", "c", file("capture.json", "notes.txt"), false},
		{"capture with another file in a table", "c",
			file("capture.json", "syscall/000001.arrow", "syscall/notes"), false},
		{"capture with a directory in a table", "c", file("capture.json", "syscall/a/b"), false},
		{"segments only", "c", file("syscall/000001.arrow"), false},
		{"capture with a segment that is no Arrow file", "c", func(t *testing.T, path string) {
			capture(t, path)
			file("syscall/000001.arrow")(t, path)
		}, false},
		{"capture with an Arrow file of something else", "c", func(t *testing.T, path string) {
			capture(t, path)
			rename(t, path+"/path", path+"/syscall")
		}, false},
		{"capture with segments of another recording", "c", func(t *testing.T, path string) {
			capture(t, path)
			write(t, path+".other", None, fill(NewBatch(syscallSchema), 5, 1))
			rename(t, path+".other/syscall", path+"/syscall")
		}, false},
		{"capture with another segment", "c", func(t *testing.T, path string) {
			capture(t, path)
			put(path+"/path/000002.arrow", read(t, path+"/path/000001.arrow"))
		}, false},
		{"capture with something after a segment", "c", func(t *testing.T, path string) {
			capture(t, path)
			put(path+"/path/000001.arrow", read(t, path+"/path/000001.arrow")+"x")
		}, false},
		{"capture with a temporary file of something else", "c", func(t *testing.T, path string) {
			capture(t, path)
			put(path+"/capture.json.new", "camera")
		}, false},
		{"capture with segments that had hardly begun", "c", func(t *testing.T, path string) {
			capture(t, path)
			segment := read(t, path+"/path/000001.arrow")
			put(path+"/capture.json", strings.Replace(read(t, path+"/capture.json"), "true", "false", 1))
			for n, length := range []int{0, 3, 12, 200, len(segment) - 1} {
				put(fmt.Sprintf("%s/path/%06d.arrow", path, 2+n), segment[:length])
			}
		}, true},
		{"directory", "c", file("a"), false},
		{"file", "c", file(""), false},
		{"link to a capture", "c", link, false},
		{"tar", "c.tar", capture, true},
		{"tar that was cut off", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			if err := os.Truncate(path, 3000); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"empty file called tar", "c.tar", func(t *testing.T, path string) { put(path, "") }, true},
		{"empty file of another user called tar", "c.tar",
			anothers(func(t *testing.T, path string) { put(path, "") }), false},
		{"file called tar", "c.tar", file(""), false},
		{"tar of something else", "c.tar", func(t *testing.T, path string) {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			w.WriteHeader(&tar.Header{Name: "notes.txt", Size: 1, Mode: 0o600})
			w.Write([]byte("x"))
			w.Close()
			put(path, b.String())
		}, false},
		{"tar of a capture in a directory", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			entries := tarEntries(t, path)
			for i := range entries {
				entries[i].header.Name = "./c/" + entries[i].header.Name
			}
			directories := []tarEntry{directory("./"), directory("./c/"), directory("./c/path/")}
			put(path, string(makeTar(t, append(directories, entries...)...))+strings.Repeat("\x00", 8192))
		}, true},
		{"tar of a capture and another file", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			notes := tarEntry{tar.Header{Name: "notes.txt"}, []byte("x")}
			put(path, string(makeTar(t, append(tarEntries(t, path), notes)...)))
		}, false},
		{"tar of a capture and another directory", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			put(path, string(makeTar(t, append(tarEntries(t, path), directory("a/b/"))...)))
		}, false},
		{"tar of a capture and a link", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			link := tarEntry{tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "capture.json"}, nil}
			put(path, string(makeTar(t, append(tarEntries(t, path), link)...)))
		}, false},
		{"tar of two captures", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			other := tarEntry{tar.Header{Name: "other/path/000001.arrow"}, nil}
			put(path, string(makeTar(t, append(tarEntries(t, path), other)...)))
		}, false},
		{"tar whose segment is no Arrow file", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			manifest := tarEntries(t, path)[0].content
			put(path, string(makeTar(t, tarEntry{tar.Header{Name: "q/capture.json"}, manifest},
				tarEntry{tar.Header{Name: "q/path/000001.arrow"}, []byte("x")})))
		}, false},
		{"tar with something after its end", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			put(path, read(t, path)+"x")
		}, false},
		{"tar with blocks after its end", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			put(path, read(t, path)+read(t, path))
		}, false},
		{"tar with something between its entries", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			text := []byte(read(t, path))
			text[2*tarBlock+len(tarEntries(t, path)[0].content)&^(tarBlock-1)-1] = 'x'
			put(path, string(text))
		}, false},
		{"unfinished tar with something after it", "c.tar", func(t *testing.T, path string) {
			capture(t, path)
			put(path, strings.TrimRight(string(makeTar(t, tarEntries(t, path)[0])), "\x00")+strings.Repeat("x", 4000))
		}, false},
		{"directory called tar", "c.tar", empty, false},
		{"link to a tar", "c.tar", link, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.path)
			c.make(t, path)
			createExisting(t, path, c.force)
		})
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func tarEntries(t *testing.T, path string) (entries []tarEntry) {
	t.Helper()
	r := tar.NewReader(strings.NewReader(read(t, path)))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return entries
		}
		data, readErr := io.ReadAll(r)
		if err = errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, tarEntry{tar.Header{Name: h.Name}, data})
	}
}

// createExisting creates a capture at a path that exists. That must succeed only with Force, and only if force is set.
func createExisting(t *testing.T, path string, force bool) {
	t.Helper()
	dir := filepath.Dir(path)
	before := tree(t, dir)
	if _, err := Create(path, testManifest, WriterOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("without force: %v", err)
	}
	if after := tree(t, dir); !slices.Equal(before, after) {
		t.Errorf("without force: %q became %q", before, after)
	}
	w, err := Create(path, testManifest, WriterOptions{Force: true})
	if !force {
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("with force: %v", err)
		}
		if after := tree(t, dir); !slices.Equal(before, after) {
			t.Errorf("with force: %q became %q", before, after)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(fill(NewBatch(syscallSchema), 7, 1), None); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Tables(); len(got) != 1 || got[0].Rows != 7 {
		t.Errorf("tables %+v", got)
	}
}

func TestCreateFails(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"missing/c", "missing/c.tar"} {
		if _, err := Create(filepath.Join(dir, name), testManifest, WriterOptions{}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken pipe")
	_, err := Create("-", testManifest, WriterOptions{Stdout: writerFunc(func(p []byte) (int, error) {
		return 0,
			broken
	})})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	if got := tree(t, dir); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAbort(t *testing.T) {
	for _, name := range []string{"c", "c.tar"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		w, err := Create(path, testManifest, WriterOptions{SegmentBytes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			for _, s := range []*Schema{syscallSchema, pathSchema} {
				if err := w.Append(fill(NewBatch(s), 50, uint64(i)), Zstd); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Abort(); err != nil {
			t.Error(err)
		}
		if got := tree(t, dir); len(got) > 0 {
			t.Errorf("left %q", got)
		}
		if err := w.Append(fill(NewBatch(syscallSchema), 1, 1), Zstd); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("append: %v", err)
		}
		if err := w.Close(nil); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	}

	// A file that the Writer did not make stays, with the directories that it is in.
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "c"), testManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(fill(NewBatch(syscallSchema), 50, 1), Zstd); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c/syscall/notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err == nil {
		t.Error("Abort reported no error although a file stays")
	}
	if got, want := tree(t, dir), []string{"drwx------ c", "drwx------ c/syscall",
		"-rw------- c/syscall/notes"}; !slices.Equal(got, want) {
		t.Errorf("left %q", got)
	}
}

func goodBatch() *Batch { return fill(NewBatch(processSchema), 3, 1) }

// refused are batches that Append refuses, and the errors.
var refused = []struct {
	says string
	make func() *Batch
}{
	{"column cpu: 2 rows, not 3", func() *Batch {
		b := goodBatch()
		b.Columns[1].I32 = b.Columns[1].I32[:2]
		return b
	}},
	{"column ts: 3 rows, not 4", func() *Batch { b := goodBatch(); b.Rows = 4; return b }},
	{"-1 rows", func() *Batch { b := goodBatch(); b.Rows = -1; return b }},
	{"column op: text offset 2: 0 after", func() *Batch {
		b := goodBatch()
		b.Column("op").Str.Offsets[2] = 0
		b.Column("op").Str.Offsets[1] = 1
		return b
	}},
	{"column op: text offset 3: 1000000 beyond", func() *Batch {
		b := goodBatch()
		b.Column("op").Str.Offsets[3] = 1000000
		return b
	}},
	{"column args: list offset 3: 1000 beyond", func() *Batch {
		b := goodBatch()
		b.Column("args").Rows[3] = 1000
		return b
	}},
	{"10 columns, not 11", func() *Batch { b := goodBatch(); b.Columns = b.Columns[:10]; return b }},
	{"column ts: int64, not timestamp", func() *Batch { b := goodBatch(); b.Columns[0].Type = Int64; return b }},
	{"other columns", func() *Batch {
		return fill(NewBatch(&Schema{Table: "process", Columns: append(slices.Clone(processSchema.Columns),
			Column{"more", Int32})}), 3, 1)
	}},
	{`table name "Process"`, func() *Batch {
		return fill(NewBatch(&Schema{Table: "Process", Columns: processSchema.Columns}), 3, 1)
	}},
	{`table name "../x"`, func() *Batch {
		return fill(NewBatch(&Schema{Table: "../x", Columns: processSchema.Columns}), 3, 1)
	}},
	{`column name "a b"`, func() *Batch {
		return fill(NewBatch(&Schema{Table: "t", Columns: []Column{{"a b", Int32}}}), 3, 1)
	}},
	{"column a twice", func() *Batch {
		b := NewBatch(&Schema{Table: "t", Columns: []Column{{"a", Int32}, {"a", Int64}}})
		b.Rows = 1
		return b
	}},
	{"column a: unknown type 9", func() *Batch {
		b := NewBatch(&Schema{Table: "t", Columns: []Column{{"a", 9}}})
		b.Rows = 1
		return b
	}},
	{"0 columns", func() *Batch { b := NewBatch(&Schema{Table: "t"}); b.Rows = 1; return b }},
	{"no column b to group rows by", func() *Batch {
		return fill(NewBatch(&Schema{Table: "t", Columns: []Column{{"a", Int32}}, GroupBy: []string{"b"}}), 3, 1)
	}},
	{"rows with the list column args cannot be grouped", func() *Batch {
		return fill(NewBatch(&Schema{Table: "t", Columns: processSchema.Columns, GroupBy: []string{"op"}}), 3, 1)
	}},
	{"rows, not 0 to", func() *Batch {
		b := NewBatch(&Schema{Table: "u", Columns: []Column{{"a", Int32}}})
		b.Rows = MaxRows + 1
		b.Columns[0].I32 = make([]int32, b.Rows)
		return b
	}},
	{"67108868 bytes, more than", func() *Batch {
		b := NewBatch(&Schema{Table: "v", Columns: []Column{{"a", Int64}, {"b", String}}})
		b.Rows = MaxRows
		b.Columns[0].I64 = make([]int64, b.Rows)
		b.Columns[1].Str = Strings{Offsets: make([]int32, b.Rows+1), Data: make([]byte, MaxBatchBytes-12*b.Rows)}
		return b
	}},
	{"column a: text of 65537 bytes, more than 65536", func() *Batch {
		b := NewBatch(&Schema{Table: "w", Columns: []Column{{"a", String}}})
		b.Columns[0].Str.Append("short")
		b.Columns[0].Str.Append(strings.Repeat("x", MaxText+1))
		b.Rows = 2
		return b
	}},
	{"column args: list 1 of 65540 bytes, more than 65536", func() *Batch {
		b := fill(NewBatch(processSchema), 2, 1)
		v := b.Column("args")
		for range MaxText/4 + 1 { // even if all of them are empty
			v.Str.Append("")
		}
		v.Rows[1], v.Rows[2] = int32(v.Str.Len()-MaxText/4-1), int32(v.Str.Len())
		return b
	}},
}

func TestAppendRefuses(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "c"), testManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	good := goodBatch
	if err := w.Append(good(), Zstd); err != nil {
		t.Fatal(err)
	}
	for _, c := range refused {
		if err := w.Append(c.make(), Zstd); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("error %v, not %q", err, c.says)
		}
	}
	if err := w.Append(good(), 3); err == nil || !strings.Contains(err.Error(), "codec(3)") {
		t.Errorf("unknown codec: %v", err)
	}
	// A batch that was refused does not keep the next from being written.
	if err := w.Append(good(), LZ4); err != nil {
		t.Error(err)
	}
	if err := w.Close(nil); err != nil {
		t.Error(err)
	}
	if err := w.Append(good(), Zstd); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// fullDestination is a directory on a disk with room for so many more bytes. Like on
// a disk, the part of a write that fits is written.
type fullDestination struct {
	*directoryDestination
	room *int
}

type fullSegment struct {
	segmentWriter
	room *int
}

func (s fullDestination) createSegment(table string, n int) (segmentWriter, error) {
	f, err := s.directoryDestination.createSegment(table, n)
	return fullSegment{f, s.room}, err
}

func (s fullSegment) Write(p []byte) (int, error) {
	n := min(len(p), *s.room)
	*s.room -= n
	if n, err := s.segmentWriter.Write(p[:n]); err != nil || n == len(p) {
		return n, err
	}
	return n, &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
}

// Wherever the disk becomes full, everything written before is there, and the capture
// is not complete.
func TestFullDisk(t *testing.T) {
	for room := 0; room < 12000; room += 500 {
		path := filepath.Join(t.TempDir(), "c")
		w, err := Create(path, testManifest, WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		left := room
		w.destination = fullDestination{w.destination.(*directoryDestination), &left}
		want := map[string][][]any{}
		var failed error
		for i := range 10 {
			for _, s := range []*Schema{syscallSchema, pathSchema} {
				b := fill(NewBatch(s), 10, uint64(i))
				before := failed
				if err := w.Append(b, Zstd); err == nil {
					want[s.Table] = append(want[s.Table], rows(b)...)
				} else if !errors.Is(err, syscall.ENOSPC) {
					t.Fatal(err)
				} else if failed = err; before == nil {
					// When there is room again the table must not continue, or rows would be missing in it.
					left += 100000
					if err := w.Append(b, Zstd); !errors.Is(err, syscall.ENOSPC) {
						t.Fatalf("room %d: %v after an error", room, err)
					}
				}
			}
		}
		err = w.Close(nil)
		if failed != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("room %d: close: %v", room, err)
		}
		c := open(t, path)
		if c.Manifest.Complete == (err != nil) {
			t.Errorf("room %d: complete %v, but %v", room, c.Manifest.Complete, err)
		}
		got := content(t, c)
		maps.DeleteFunc(got, func(_ string, rows [][]any) bool { return len(rows) == 0 })
		if !reflect.DeepEqual(got, want) {
			t.Errorf("room %d: %d and %d rows, not %d and %d", room, len(got["syscall"]), len(got["path"]),
				len(want["syscall"]), len(want["path"]))
		}
		for name, info := range w.Tables() {
			if int(info.Rows) != len(want[name]) {
				t.Errorf("room %d: table %s: %d rows in Tables, %d written", room, name, info.Rows, len(want[name]))
			}
		}
		for _, d := range c.Damage() {
			t.Errorf("room %d: damage: %v", room, d)
		}
		entries, _ := os.ReadDir(path)
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".new") {
				t.Errorf("room %d: left %s", room, e.Name())
			}
		}
	}
}

// A pipe that is closed leaves an incomplete entry, and no entry may follow it.
func TestBrokenPipe(t *testing.T) {
	for _, room := range []int{2000, 5000, 6000, 8000, 10000} {
		var out bytes.Buffer
		w, err := Create("-", testManifest, WriterOptions{Stdout: writerFunc(func(p []byte) (int, error) {
			n, _ := out.Write(p[:min(len(p), room-out.Len())])
			if n < len(p) {
				return n, syscall.EPIPE
			}
			return n, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		flushed := 0
		var failed error
		for i := range 10 {
			if err := w.Append(fill(NewBatch(syscallSchema), 10, uint64(i)), Zstd); err != nil {
				failed = err
				break
			}
			if err := w.Flush(); err != nil {
				failed = err
				break
			}
			flushed += 10
		}
		if !errors.Is(failed, syscall.EPIPE) || !errors.Is(w.Close(nil), syscall.EPIPE) {
			t.Errorf("room %d: %v", room, failed)
		}
		if got := w.Tables()["syscall"].Rows; got != int64(flushed) {
			t.Errorf("room %d: %d rows in Tables, %d flushed", room, got, flushed)
		}
		c, err := OpenTar(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		rows := int64(0)
		if table := c.Table("syscall"); table != nil {
			rows = table.Rows
		}
		if c.Manifest.Complete || rows != int64(flushed) && rows != int64(flushed)+10 {
			t.Errorf("room %d: complete %v, %d rows, %d flushed", room, c.Manifest.Complete, rows, flushed)
		}
	}
}

// Once memory has grown, appending a batch allocates next to nothing.
func TestAppendAllocates(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector a sync.Pool forgets things at random")
	}
	for _, codec := range []Codec{None, LZ4, Zstd} {
		w, err := Create(filepath.Join(t.TempDir(), "c"), testManifest, WriterOptions{SegmentBytes: 1 << 40})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []*Schema{syscallSchema, processSchema} {
			b := fill(NewBatch(s), 5000, 1)
			n := testing.AllocsPerRun(50, func() {
				if err := w.Append(b, codec); err != nil {
					t.Fatal(err)
				}
			})
			if n > 2 {
				t.Errorf("%v, table %s: %v allocations a batch", codec, s.Table, n)
			}
		}
		if err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
}

// A batch reaches its file in one write, and a segment begins and ends with one.
func TestAppendWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	w, err := Create(path, testManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	w.destination = countingDestination{w.destination.(*directoryDestination), &sizes}
	for i := range 3 {
		if err := w.Append(fill(NewBatch(processSchema), 100, uint64(i)), Zstd); err != nil {
			t.Fatal(err)
		}
		if want := i + 2; len(sizes) != want {
			t.Errorf("batch %d: %d writes, not %d", i, len(sizes), want)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, n := range sizes {
		sum += n
	}
	info, err := os.Stat(filepath.Join(path, "process/000001.arrow"))
	if err != nil || len(sizes) != 5 || int64(sum) != info.Size() || w.Written() != info.Size() {
		t.Errorf("writes %v, written %d, file %v: %v", sizes, w.Written(), info.Size(), err)
	}
}

type countingDestination struct {
	*directoryDestination
	sizes *[]int
}

type countingSegment struct {
	segmentWriter
	sizes *[]int
}

func (s countingDestination) createSegment(table string, n int) (segmentWriter, error) {
	f, err := s.directoryDestination.createSegment(table, n)
	return countingSegment{f, s.sizes}, err
}

func (s countingSegment) Write(p []byte) (int, error) {
	*s.sizes = append(*s.sizes, len(p))
	return s.segmentWriter.Write(p)
}

// The manifest has the sums of the loss table.
func TestLost(t *testing.T) {
	loss := NewBatch(LossSchema)
	for _, l := range []struct {
		family string
		count  int64
	}{{"syscall", 5}, {"file", 7}, {"syscall", 10}} {
		if err := loss.AppendRow(map[string]any{"family": l.family, "count": l.count, "ts": int64(1),
			"until": int64(2)}); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int64{"syscall": 15, "file": 7}
	for _, name := range []string{"c", "c.tar"} {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, Zstd, loss, fill(NewBatch(syscallSchema), 3, 1))
		c := open(t, path)
		if got := c.Lost(); !reflect.DeepEqual(got, want) || !c.Manifest.Complete {
			t.Errorf("%s: lost %v", name, got)
		}
		if got := c.Manifest.Tables["syscall"]; got.Rows != 3 || got.Lost != 15 {
			t.Errorf("%s: syscall %+v", name, got)
		}
		if name != "c" {
			continue
		}
		// Without a manifest they are computed from the loss table.
		if err := os.Remove(filepath.Join(path, ManifestName)); err != nil {
			t.Fatal(err)
		}
		c = open(t, path)
		if got := c.Lost(); !reflect.DeepEqual(got, want) || c.Manifest.Complete {
			t.Errorf("unfinished: lost %v", got)
		}
	}
}
