// SPDX-License-Identifier: Apache-2.0

package format

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// sample writes a capture of three tables.
func sample(t testing.TB, path string) {
	write(t, path, Zstd, fill(NewBatch(syscallSchema), 30, 1), fill(NewBatch(processSchema), 20, 2),
		fill(NewBatch(pathSchema), 10, 3))
}

// run runs a program in dir.
func run(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

func needTar(t testing.TB) {
	t.Helper()
	if out, err := exec.Command("tar", "--version").Output(); err != nil || !strings.Contains(string(out), "GNU tar") {
		t.Skip("needs GNU tar")
	}
}

// A tar that tar(1) makes of a capture opens, whatever directories its names begin with.
func TestTarOfDirectory(t *testing.T) {
	needTar(t)
	dir := t.TempDir()
	sample(t, filepath.Join(dir, "incident"))
	want := content(t, open(t, filepath.Join(dir, "incident")))
	if err := os.WriteFile(filepath.Join(dir, "incident", "notes.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long-name/", 30)
	if err := os.MkdirAll(filepath.Join(dir, long), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "cp", "-r", "incident", long)
	for name, args := range map[string][]string{
		"directory": {"incident"},
		"dot":       {"./incident"},
		"inside":    {"-C", "incident", "."},
		"star":      {"-C", "incident", "capture.json", "process", "syscall", "path"},
		"absolute":  {"-P", filepath.Join(dir, "incident")},
		"pax":       {"--format=pax", "incident"},
		"gnu":       {"--format=gnu", long + "incident"},
		"pax long":  {"--format=pax", long + "incident"},
		"v7":        {"--format=v7", "incident"},
		"reversed":  {"incident/syscall", "incident/process", "incident/path", "incident/capture.json"},
	} {
		run(t, dir, append([]string{"tar", "cf", "x.tar"}, args...)...)
		c := open(t, filepath.Join(dir, "x.tar"))
		if !c.Manifest.Complete || len(c.Damage()) > 0 {
			t.Errorf("%s: complete %v, damage %v", name, c.Manifest.Complete, c.Damage())
		}
		if got := content(t, c); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: other rows", name)
		}
	}
}

// A tar that was written unpacks with tar(1) to a capture of the same rows.
func TestUnpack(t *testing.T) {
	needTar(t)
	dir := t.TempDir()
	sample(t, filepath.Join(dir, "c.tar"))
	if err := os.Mkdir(filepath.Join(dir, "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "tar", "xf", "c.tar", "-C", "c")
	packed, unpacked := open(t, filepath.Join(dir, "c.tar")), open(t, filepath.Join(dir, "c"))
	if !unpacked.Manifest.Complete || !reflect.DeepEqual(packed.Manifest, unpacked.Manifest) {
		t.Errorf("manifest %+v, not %+v", unpacked.Manifest, packed.Manifest)
	}
	if !reflect.DeepEqual(content(t, packed), content(t, unpacked)) {
		t.Error("other rows")
	}
	want := []string{
		"-rw------- capture.json",
		"-rw------- path/000001.arrow",
		"-rw------- process/000001.arrow",
		"-rw------- syscall/000001.arrow",
	}
	got := tree(t, filepath.Join(dir, "c"))
	for _, name := range want {
		if !strings.Contains(strings.Join(got, "\n"), name) {
			t.Errorf("unpacked to %q", got)
		}
	}
}

// writeStream writes a tar of five segments, each when it is flushed, and returns it and its rows.
func writeStream(t *testing.T) (stream []byte, want [][]any) {
	t.Helper()
	var out bytes.Buffer
	w, err := Create("-", testManifest, WriterOptions{Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		b := fill(NewBatch(syscallSchema), 10, uint64(i))
		want = append(want, rows(b)...)
		if err := w.Append(b, Zstd); err != nil {
			t.Fatal(err)
		}
		before := out.Len()
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if out.Len() == before {
			t.Error("flushed nothing")
		}
		// A second Flush without new rows writes nothing.
		before = out.Len()
		if err := w.Flush(); err != nil || out.Len() != before {
			t.Errorf("flushed %d bytes of nothing: %v", out.Len()-before, err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	manifests := int64(0) // which are not counted
	for archive := tar.NewReader(bytes.NewReader(out.Bytes())); ; {
		h, err := archive.Next()
		if err != nil {
			break
		}
		if h.Name == ManifestName {
			manifests += h.Size
		}
	}
	if w.Written() != int64(out.Len())-manifests {
		t.Errorf("written %d of %d bytes, of which %d are manifests", w.Written(), out.Len(), manifests)
	}
	return out.Bytes(), want
}

// A tar is written to a stream as it is flushed, and read from one.
func TestStream(t *testing.T) {
	out, want := writeStream(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	c, err := OpenStream(io.MultiReader(bytes.NewReader(out[:100]), bytes.NewReader(out[100:])))
	if err != nil {
		t.Fatal(err)
	}
	segments := len(c.Table("syscall").Segments)
	if got := content(t, c)["syscall"]; !reflect.DeepEqual(got, want) || !c.Manifest.Complete || segments != 5 {
		t.Errorf("%d rows of %d segments, complete %v", len(got), segments, c.Manifest.Complete)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := tree(t, temp); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

// A file is read in place if it is at its beginning, else copied.
func TestStreamOfFile(t *testing.T) {
	out, want := writeStream(t)
	file, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, before := range []int64{0, 5} {
		if _, err := file.WriteAt(out, before); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Seek(before, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		c, err := OpenStream(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := content(t, c)["syscall"]; !reflect.DeepEqual(got, want) {
			t.Errorf("file from %d: %d rows", before, len(got))
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A stream that is no tar, or fails, is refused, and no temporary file is left.
func TestStreamRefused(t *testing.T) {
	out, _ := writeStream(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for name, r := range map[string]io.Reader{
		"endless zeros": endless(0),
		"endless text":  endless('y'),
		"nothing":       strings.NewReader(""),
		"little":        strings.NewReader("x"),
	} {
		if _, err := OpenStream(r); !errors.Is(err, ErrNotCapture) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	failing := readerFunc(func([]byte) (int, error) { return 0, broken })
	if _, err := OpenStream(io.MultiReader(bytes.NewReader(out[:3000]), failing)); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got := tree(t, temp); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func endless(c byte) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		for i := range p {
			p[i] = c
		}
		return len(p), nil
	})
}

// Segments of a tar, which are kept in memory until they are written, have a few MiB,
// whatever SegmentBytes is.
func TestTarSegments(t *testing.T) {
	var out bytes.Buffer
	w, err := Create("-", testManifest, WriterOptions{Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	b := fill(NewBatch(syscallSchema), 20000, 1)
	for range 6 {
		if err := w.Append(b, None); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	c, err := OpenTar(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Table("syscall").Segments; len(got) != 2 || got[0].Bytes > tarSegmentBytes+2<<20 {
		t.Errorf("%d segments, the first of %d bytes", len(got), got[0].Bytes)
	}
}

// tarEntry is what makeTar makes a tar of.
type tarEntry struct {
	header  tar.Header
	content []byte
}

func makeTar(t testing.TB, entries ...tarEntry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		if e.header.Typeflag == 0 {
			e.header.Typeflag = tar.TypeReg
		}
		e.header.Size = int64(len(e.content))
		if err := w.WriteHeader(&e.header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// entriesCase is a tar of these entries, and what opening it gives: a number of rows and a host, or an error.
type entriesCase struct {
	name    string
	entries []tarEntry
	host    string
	rows    int64
	is      error
	says    string
}

func TestTarEntries(t *testing.T) {
	a, _ := segment(t, Zstd, fill(NewBatch(pathSchema), 4, 1))
	b, _ := segment(t, Zstd, fill(NewBatch(pathSchema), 5, 2))
	manifest := func(host string) []byte {
		return fmt.Appendf(nil, `{"format": {"major": 1, "minor": 0}, "host": %q}`, host)
	}
	file := func(name string, content []byte) tarEntry { return tarEntry{tar.Header{Name: name}, content} }
	for _, c := range []entriesCase{
		{"last manifest wins", []tarEntry{file("capture.json", manifest("x")), file("path/000001.arrow", a),
			file("capture.json", manifest("y"))}, "y", 4, nil, ""},
		{"last sound manifest wins", []tarEntry{file("capture.json", manifest("x")), file("path/000001.arrow", a),
			file("capture.json", []byte(`{"format": {"ma`))}, "x", 4, nil, ""},
		{"newer manifest last", []tarEntry{file("capture.json", manifest("x")),
			file("capture.json", []byte(`{"format": {"major": 3}}`))}, "", 0, ErrVersion, "3.0"},
		{"last segment wins", []tarEntry{file("capture.json", manifest("x")), file("path/000001.arrow", a),
			file("path/000001.arrow", b)}, "x", 5, nil, ""},
		{"segments in order of number", []tarEntry{file("path/1000000.arrow", a), file("path/999999.arrow", b)}, "h",
			9, nil, ""},
		{"without manifest", []tarEntry{file("x/path/000001.arrow", a)}, "h", 4, nil, ""},
		{"unknown files", []tarEntry{file("x/capture.json", manifest("x")), file("x/path/000001.arrow", a),
			file("x/path/1.arrow", b), file("x/Path/000001.arrow", b), file("x/path/000001.parquet", b),
			file("x/path/._000001.arrow", b), file("x/path/old/000001.arrow", b), file("y", b)}, "x", 4, nil, ""},
		{"segments elsewhere", []tarEntry{file("x/capture.json", manifest("x")), file("x/path/000001.arrow", a),
			file("y/path/000002.arrow", b)}, "x", 4, nil, ""},
		{"two captures", []tarEntry{file("x/capture.json", manifest("x")), file("y/capture.json", manifest("y"))}, "",
			0, ErrNotCapture, "2 captures"},
		{"no capture", []tarEntry{file("x/readme", []byte("x"))}, "", 0, ErrNotCapture, "without capture.json"},
		{"path that leads out", []tarEntry{file("capture.json", manifest("x")),
			file("path/../../path/000001.arrow", a)}, "", 0, ErrCorrupt, "leads out"},
		{"links and devices", []tarEntry{
			file("capture.json", manifest("x")), file("path/000001.arrow", a),
			{tar.Header{Name: "path/000002.arrow", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, nil},
			{tar.Header{Name: "path/000003.arrow", Typeflag: tar.TypeLink, Linkname: "path/000001.arrow"}, nil},
			{tar.Header{Name: "path/000004.arrow", Typeflag: tar.TypeFifo}, nil},
			{tar.Header{Name: "path/000005.arrow", Typeflag: tar.TypeChar}, nil},
			{tar.Header{Name: "path/000006.arrow/", Typeflag: tar.TypeDir}, nil},
		}, "x", 4, nil, ""},
	} {
		c.check(t)
	}
}

func (c *entriesCase) check(t *testing.T) {
	t.Helper()
	data := makeTar(t, c.entries...)
	got, err := OpenTar(bytes.NewReader(data), int64(len(data)))
	if c.is != nil || err != nil {
		if c.is == nil || !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		return
	}
	rows := int64(0)
	if table := got.Table("path"); table != nil {
		rows = table.Rows
	}
	if rows != c.rows || got.Manifest.Host != c.host {
		t.Errorf("%s: %d rows, host %q", c.name, rows, got.Manifest.Host)
	}
	if err := readAll(t, got); err != nil {
		t.Errorf("%s: %v", c.name, err)
	}
	if c.name == "segments in order of number" && got.Table("path").Segments[0].Name != "path/999999.arrow" {
		t.Errorf("%s: first %s", c.name, got.Table("path").Segments[0].Name)
	}
}

// A tar with a sparse file, whose holes are not in the tar, is refused.
func TestTarSparse(t *testing.T) {
	needTar(t)
	dir := t.TempDir()
	sample(t, filepath.Join(dir, "incident"))
	if err := os.Truncate(filepath.Join(dir, "incident/syscall/000001.arrow"), 1<<30); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"gnu", "pax"} {
		run(t, dir, "tar", "-S", "--format="+format, "-cf", "x.tar", "incident")
		if info, err := os.Stat(filepath.Join(dir, "x.tar")); err != nil || info.Size() > 1<<20 {
			t.Skip("this file system has no holes")
		}
		if _, err := Open(filepath.Join(dir, "x.tar")); !errors.Is(err, ErrCorrupt) ||
			!strings.Contains(fmt.Sprint(err), "sparse") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// An entry whose header has a size beyond the end of the tar was cut off.
func TestTarSizes(t *testing.T) {
	a, _ := segment(t, Zstd, fill(NewBatch(pathSchema), 4, 1))
	whole := makeTar(t, tarEntry{tar.Header{Name: "capture.json"}, []byte(`{"format": {"major": 1}}`)},
		tarEntry{tar.Header{Name: "path/000001.arrow"}, a})
	for name, size := range map[string]string{
		"8 GiB":           "77777777777\x00",
		"most in base256": "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff",
		"more than that":  "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"negative":        "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"not a number":    "hello\x00\x00\x00\x00\x00\x00\x00",
	} {
		for i, at := range []int{0, 2 * tarBlock} {
			b := bytes.Clone(whole)
			copy(b[at+124:], size)
			sum := 0
			copy(b[at+148:], "        ")
			for _, c := range b[at : at+tarBlock] {
				sum += int(c)
			}
			copy(b[at+148:], fmt.Sprintf("%06o\x00 ", sum))
			c, err := OpenTar(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				if i == 1 || !errors.Is(err, ErrNotCapture) {
					t.Errorf("%s, entry %d: %v", name, i, err)
				}
				continue
			}
			if err := readAll(t, c); err != nil {
				t.Errorf("%s, entry %d: %v", name, i, err)
			}
			if i == 1 && strings.HasPrefix(name, "most") && c.Table("path").Rows != 4 {
				t.Errorf("%s: %d rows", name, c.Table("path").Rows)
			}
		}
	}
}
