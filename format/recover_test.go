// SPDX-License-Identifier: Apache-2.0

package format

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// segment returns the bytes of a segment of batches, and where each ends.
func segment(t testing.TB, codec Codec, batches ...*Batch) (b []byte, ends []int) {
	t.Helper()
	e := newEncoder(batches[0].Schema, []string{"fletch.table", batches[0].Schema.Table, "fletch.format", "1.0",
		"fletch.host", "h", "fletch.arch", "aarch64"})
	b = e.start()
	var at []location
	for _, batch := range batches {
		message, metadata, err := e.batch(batch, codec)
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, location{int64(len(b)), int32(metadata), int64(len(message) - metadata)})
		b = append(b, message...)
		ends = append(ends, len(b))
	}
	return append(b, e.end(at)...), ends
}

// openSegment opens a capture that is one segment and nothing else.
func openSegment(table string, b []byte) (*Capture, error) {
	e := segmentFile{table: table, number: "000001", name: table + "/000001.arrow", r: bytes.NewReader(b),
		size: int64(len(b))}
	return Opener{}.newCapture("test", nil, []segmentFile{e}, nil, func() error { return nil })
}

// A segment cut off at any byte has exactly the batches that are whole.
func TestCutSegment(t *testing.T) {
	for _, codec := range []Codec{None, LZ4, Zstd} {
		batches := []*Batch{fill(NewBatch(processSchema), 3, 1), fill(NewBatch(processSchema), 9, 2),
			fill(NewBatch(processSchema), 1, 3)}
		b, ends := segment(t, codec, batches...)
		for n := 0; n <= len(b); n += thin(7) {
			c, err := openSegment("process", b[:n])
			if err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
			if len(c.Damage()) != 1 || !errors.Is(c.Damage()[0], ErrNotCapture) {
				t.Fatalf("cut at %d: damage %v", n, c.Damage())
			}
			var want [][]any
			for i, end := range ends {
				if end <= n {
					want = append(want, rows(batches[i])...)
				}
			}
			if got := content(t, c)["process"]; len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
				t.Fatalf("cut at %d: %d rows, not %d", n, len(got), len(want))
			}
			if table := c.Table("process"); table != nil && table.Segments[0].Complete != (n == len(b)) {
				t.Fatalf("cut at %d: complete %v", n, !(n == len(b)))
			}
		}
	}
}

// batchEnds returns the offsets in a tar at which the batches of table syscall and the last manifest end.
func batchEnds(t *testing.T, data []byte) (ends []int64, finished int64) {
	t.Helper()
	r := bytes.NewReader(data)
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		at, _ := r.Seek(0, io.SeekCurrent)
		if h.Name == ManifestName {
			finished = at + h.Size
		}
		if strings.HasPrefix(h.Name, "syscall/") {
			content := io.NewSectionReader(bytes.NewReader(data), at, h.Size)
			s := readSegment(content, h.Size, h.Name, "syscall", 0)
			if !s.Complete {
				t.Fatalf("entry %s: incomplete: %v", h.Name, s.Damage)
			}
			for _, b := range s.Blocks {
				ends = append(ends, at+b.at.offset+int64(b.at.metadata)+b.at.body)
			}
		}
	}
	return ends, finished
}

// A tar cut off at any byte has exactly the batches that are whole.
func TestCutTar(t *testing.T) {
	var out bytes.Buffer
	w, err := Create("-", testManifest, WriterOptions{Stdout: &out})
	if err != nil {
		t.Fatal(err)
	}
	var batches []*Batch
	for i := range 2 {
		for j := range 2 {
			b := fill(NewBatch(syscallSchema), 3+i+j, uint64(3*i+j))
			batches = append(batches, b)
			if err := w.Append(b, Zstd); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Append(fill(NewBatch(LossSchema), 1, uint64(i)), None); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}

	ends, finished := batchEnds(t, out.Bytes())
	if len(ends) != len(batches) {
		t.Fatalf("%d batches, not %d", len(ends), len(batches))
	}

	for n := int64(0); n <= int64(out.Len()); n += int64(thin(13)) {
		c, err := OpenTar(bytes.NewReader(out.Bytes()[:n]), n)
		if err != nil {
			// Nothing to open before the first manifest is there.
			if n >= tarBlock+1000 || !errors.Is(err, ErrNotCapture) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if len(c.Damage()) > 0 {
			t.Fatalf("cut at %d: damage %v", n, c.Damage())
		}
		if c.Manifest.Complete != (n >= finished) || c.Manifest.Host != testManifest.Host {
			t.Fatalf("cut at %d: manifest %+v", n, c.Manifest)
		}
		var want [][]any
		for i, end := range ends {
			if end <= n {
				want = append(want, rows(batches[i])...)
			}
		}
		if got := content(t, c)["syscall"]; len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("cut at %d: %d rows, not %d", n, len(got), len(want))
		}
	}
}

// A directory without a manifest, or with a part of one, is an unfinished capture
// whose host comes from the segments.
func TestCutManifest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	b := fill(NewBatch(syscallSchema), 20, 1)
	write(t, path, Zstd, b, fill(NewBatch(processSchema), 2, 2))
	manifest := filepath.Join(path, ManifestName)
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	lo, hi, _ := b.timeRange()
	check := func(what string, is error) {
		c, err := Open(path)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		defer c.Close()
		m := c.Manifest
		if m.Complete || m.Host != testManifest.Host || m.Kernel != testManifest.Kernel ||
			m.Arch != testManifest.Arch ||
			m.BootID != testManifest.BootID || m.Format != Current {
			t.Fatalf("%s: manifest %+v", what, m)
		}
		if got := m.Tables["syscall"]; got.Rows != 20 || got.Segments != 1 || got.Bytes != c.Table("syscall").Bytes {
			t.Fatalf("%s: tables %+v", what, m.Tables)
		}
		if m.Start.UnixNano() != lo || m.End.UnixNano() < hi {
			t.Fatalf("%s: from %v to %v", what, m.Start, m.End)
		}
		if len(c.Damage()) != 1 || !errors.Is(c.Damage()[0], is) {
			t.Fatalf("%s: damage %v", what, c.Damage())
		}
		content(t, c)
	}
	for n := range len(data) - 2 {
		if err := os.WriteFile(manifest, data[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		check(fmt.Sprintf("cut at %d", n), ErrCorrupt)
	}
	if err := os.Remove(manifest); err != nil {
		t.Fatal(err)
	}
	check("without", ErrNotCapture)
}

// A finished capture from which something was removed is not complete.
func TestMissing(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(path string) error
		rows int64
	}{
		{"segment", func(path string) error { return os.Remove(filepath.Join(path, "syscall/000002.arrow")) }, 2},
		{"table", func(path string) error { return os.RemoveAll(filepath.Join(path, "syscall")) }, 0},
		{"tail", func(path string) error { return os.Truncate(filepath.Join(path, "syscall/000003.arrow"), 3000) }, 2},
		{"footer", func(path string) error {
			info, err := os.Stat(filepath.Join(path, "syscall/000003.arrow"))
			if err != nil {
				return err
			}
			return os.Truncate(filepath.Join(path, "syscall/000003.arrow"), info.Size()-1)
		}, 3},
	} {
		path := filepath.Join(t.TempDir(), "c")
		w, err := Create(path, testManifest, WriterOptions{SegmentBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := w.Append(fill(NewBatch(syscallSchema), 50, uint64(i)), None); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
		if err := c.do(path); err != nil {
			t.Fatal(err)
		}
		got := open(t, path)
		if got.Manifest.Complete || got.Manifest.Tables["syscall"].Rows != 50*c.rows {
			t.Errorf("%s: manifest %+v", c.name, got.Manifest)
		}
		if (c.rows == 3) != (len(got.Damage()) == 0) {
			t.Errorf("%s: damage %v", c.name, got.Damage())
		}
		content(t, got)
	}
}

// After a loss of power a file can be as long as it was and end in pages of
// zeros that never reached the disk.
func TestZeroTail(t *testing.T) {
	batches := []*Batch{fill(NewBatch(syscallSchema), 30, 1), fill(NewBatch(syscallSchema), 30, 2),
		fill(NewBatch(syscallSchema), 30, 3)}
	b, ends := segment(t, Zstd, batches...)
	for zero := ends[2]; zero > ends[0]-100; zero -= 7 {
		torn := append(bytes.Clone(b[:zero]), make([]byte, ends[2]-zero)...)
		c, err := openSegment("syscall", torn)
		if err != nil {
			t.Fatal(err)
		}
		var want [][]any
		for i, end := range ends {
			// The last bytes of a batch may be zeros of its own padding.
			if bytes.Equal(torn[:end], b[:end]) {
				want = append(want, rows(batches[i])...)
			}
		}
		if got := content(t, c)["syscall"]; len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("zeros from %d: %d rows, not %d", zero, len(got), len(want))
		}
	}
}

// TestKilled kills processes that write a capture, and finds every batch that they
// reported as written.
func TestKilled(t *testing.T) {
	if path := os.Getenv("FLETCH_TEST_WRITE"); path != "" {
		writeForever(path)
	}
	for i := range 8 {
		for _, name := range []string{"c", "c.tar"} {
			path := filepath.Join(t.TempDir(), name)
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
			cmd.Env = append(os.Environ(), "FLETCH_TEST_WRITE="+path)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Kill it after i*i batches, while the next one is being written.
			batches := -1
			lines := bufio.NewScanner(out)
			for lines.Scan() {
				if batches, err = strconv.Atoi(lines.Text()); err != nil {
					t.Fatal(err)
				}
				if batches == i*i {
					time.Sleep(time.Duration(i) * 300 * time.Microsecond)
					cmd.Process.Kill()
				}
			}
			cmd.Wait()
			if batches < i*i {
				t.Fatalf("wrote %d batches and ended", batches)
			}
			c := open(t, path)
			if c.Manifest.Complete || len(c.Damage()) > 0 || c.Manifest.Host != testManifest.Host {
				t.Errorf("%s: complete %v, damage %v", name, c.Manifest.Complete, c.Damage())
			}
			got := content(t, c)
			for _, s := range []*Schema{syscallSchema, processSchema} {
				var want [][]any
				for j := range batches + 2 {
					want = append(want, rows(fill(NewBatch(s), 20, uint64(j)))...)
				}
				// Beyond what was reported there is at most the batch being written.
				n := len(got[s.Table])
				if n < 20*batches || n > len(want) || n > 0 && !reflect.DeepEqual(got[s.Table], want[:n]) {
					t.Errorf("%s: table %s: %d rows after %d batches of 20", name, s.Table, n, batches)
				}
			}
		}
	}
}

// TestKilledRotating kills processes that write generations, drop and dump, and finds
// the generations kept and whole dumps.
func TestKilledRotating(t *testing.T) {
	if path := os.Getenv("FLETCH_TEST_ROTATE"); path != "" {
		rotateForever(path)
	}
	for i := range 12 {
		dir := t.TempDir()
		path := filepath.Join(dir, "c")
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledRotating$")
		cmd.Env = append(os.Environ(), "FLETCH_TEST_ROTATE="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		dropped, finished := 0, 0
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &finished, &dropped); err != nil {
				t.Fatalf("it says %q", lines.Text())
			}
			if finished == 10+i {
				time.Sleep(time.Duration(i) * 100 * time.Microsecond)
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		if finished < 10+i {
			t.Fatalf("wrote %d generations and ended", finished)
		}
		c := open(t, path)
		if c.Manifest.Complete || len(c.Damage()) > 0 {
			t.Errorf("complete %v, damage %v", c.Manifest.Complete, c.Damage())
		}
		// Everything is there that was finished, and was not being dropped, at the last report.
		got := content(t, c)
		for _, s := range generationSchemas {
			for n := dropped + 2; n <= finished; n++ {
				if !hasRows(s, n) {
					continue
				}
				want := rows(generationRows(s, n))
				first := func(row []any) bool { return reflect.DeepEqual(row, want[0]) }
				if !slices.ContainsFunc(got[s.Table], first) {
					t.Errorf("killed after %d generations: table %s has none of %d", finished, s.Table, n)
				}
			}
		}
		whole := wholeDumps(t, dir)
		if want := finished/3 - 1; whole < want {
			t.Errorf("%d dumps, not %d", whole, want)
		}
	}
}

// wholeDumps checks the dumps in a directory, and returns how many are finished. Unfinished ones with a manifest open.
func wholeDumps(t *testing.T, dir string) int {
	t.Helper()
	dumps, err := filepath.Glob(filepath.Join(dir, "dump*"))
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, dump := range dumps {
		if strings.HasSuffix(dump, ".new") {
			if _, err := os.Stat(filepath.Join(dump, ManifestName)); err == nil {
				open(t, dump)
			}
			continue
		}
		var n int
		fmt.Sscanf(filepath.Base(dump), "dump%d", &n)
		checkGenerations(t, dump, n-2, n, true)
		whole++
	}
	return whole
}

// rotateForever writes generations to path, keeps four, dumps three at every third,
// and prints after each how many were finished and how many dropped.
func rotateForever(path string) {
	w, err := Create(path, generationManifest, WriterOptions{})
	for n := 1; err == nil; n++ {
		if err = errors.Join(appendGeneration(w, n), w.Finish(n)); err == nil && n%3 == 0 && n > 3 {
			err = w.Dump(filepath.Join(filepath.Dir(path), fmt.Sprint("dump", n)), n-2, n, nil)
		}
		if err == nil {
			err = w.Drop(n - 4)
		}
		fmt.Println(n, max(n-4, 0))
	}
	fmt.Println(err)
	os.Exit(1)
}

// writeForever writes batches to path and prints how many after each.
func writeForever(path string) {
	w, err := Create(path, testManifest, WriterOptions{SegmentBytes: 20000})
	for i := 0; err == nil; i++ {
		fmt.Println(i)
		for _, s := range []*Schema{syscallSchema, processSchema} {
			if err == nil {
				err = w.Append(fill(NewBatch(s), 20, uint64(i)), Zstd)
			}
		}
		if err == nil {
			err = w.Flush()
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	text := func(name, content string) string {
		must(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		return filepath.Join(dir, name)
	}
	folder := func(name, manifest string) string {
		must(os.Mkdir(filepath.Join(dir, name), 0o700))
		if manifest != "" {
			must(os.WriteFile(filepath.Join(dir, name, ManifestName), []byte(manifest), 0o600))
		}
		return filepath.Join(dir, name)
	}
	must(os.MkdirAll(filepath.Join(dir, "odd", "capture.json"), 0o700))
	for _, c := range []struct {
		path string
		is   error
		says string
	}{
		{filepath.Join(dir, "missing"), fs.ErrNotExist, "missing"},
		{"/dev/null", ErrNotCapture, "neither a directory nor a file"},
		{folder("empty", ""), ErrNotCapture, "no capture.json"},
		{folder("object", "{}"), ErrNotCapture, "no format version"},
		{folder("array", "[]"), ErrCorrupt, "capture.json"},
		{folder("half", `{"format": {"major": 1,`), ErrCorrupt, "capture.json"},
		{folder("type", `{"format": {"major": 1}, "host": 3}`), ErrCorrupt, "host"},
		{folder("table", `{"format": {"major": 1}, "tables": {"\u001b[2J": {}}}`), ErrCorrupt, `table "\x1b[2J"`},
		{folder("negative", `{"format": {"major": 1}, "tables": {"syscall": {"rows": -1}}}`), ErrCorrupt,
			`table "syscall"`},
		{folder("newer", `{"format": {"major": 2}, "host": 3}`), ErrVersion,
			"format 2.0, this program reads up to 1.x"},
		{filepath.Join(dir, "odd"), ErrNotCapture, "capture.json"},
		{dir, ErrNotCapture, "a directory of captures: array, half, negative, ..."},
		{text("empty.tar", ""), ErrNotCapture, "without capture.json"},
		{text("zeros.tar", strings.Repeat("\x00", 4096)), ErrNotCapture, "without capture.json"},
		{text("c.txt", strings.Repeat("hello\n", 1000)), ErrNotCapture, "neither a directory nor a tar"},
		{text("c.tar.gz", "\x1f\x8b\x08"+strings.Repeat("x", 600)), ErrNotCapture, "gzip"},
		{text("c.tar.zst", "\x28\xb5\x2f\xfd"+strings.Repeat("x", 600)), ErrNotCapture, "zstd"},
		{text("000001.arrow", "ARROW1\x00\x00"+strings.Repeat("x", 600)), ErrNotCapture, "one Arrow file"},
	} {
		got, err := Open(c.path)
		if got != nil || !errors.Is(err, c.is) || !strings.Contains(fmt.Sprint(err), c.says) ||
			!strings.HasPrefix(err.Error(), "opening capture "+c.path) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

// A capture of a newer minor version has fields, tables, columns and messages
// that this one does not know.
func TestNewerMinor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	write(t, path, Zstd, fill(NewBatch(syscallSchema), 20, 1),
		fill(NewBatch(&Schema{Table: "heat", Columns: []Column{{"ts", Timestamp}, {"degrees", Int32}}}), 3, 1))
	manifest := filepath.Join(path, ManifestName)
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Replace(data, fmt.Appendf(nil, `"minor": %d`, Current.Minor), []byte(`"minor": 7, "patch": "x"`), 1)
	data = bytes.Replace(data, []byte(`"host":`), []byte(`"color": ["x"], "host":`), 1)
	if err := os.WriteFile(manifest, signed(data), 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, path)
	if !c.Manifest.Complete || c.Manifest.Format != (Version{1, 7}) || c.Table("heat").Rows != 3 {
		t.Errorf("manifest %+v", c.Manifest)
	}
	content(t, c)
}

// signed returns a changed capture.json with its checksum.
func signed(data []byte) []byte {
	digits := len(data) - checksumDigits - len(afterChecksum)
	return slices.Concat(data[:digits], []byte(sumText(data[:digits])+afterChecksum))
}

// Each byte of a capture.json is in its checksum, whether the recording was finished or not: what differs in one bit
// is damaged. One of an older version has no checksum, and is as it was.
func TestManifestChecksum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	w, err := Create(path, testManifest, WriterOptions{})
	must(t, err)
	must(t, w.Append(fill(NewBatch(syscallSchema), 20, 1), Zstd))
	for _, finished := range []bool{false, true} {
		if finished {
			must(t, w.Close(nil))
		}
		data, err := os.ReadFile(filepath.Join(path, ManifestName))
		must(t, err)
		segment, err := os.ReadFile(filepath.Join(path, "syscall", "000001.arrow"))
		must(t, err)
		reopen := func(manifest []byte) (*Capture, error) {
			return Opener{}.newCapture("c", manifest, []segmentFile{{"syscall", "000001", "syscall/000001.arrow",
				bytes.NewReader(segment), int64(len(segment))}}, nil, func() error { return nil })
		}
		c, err := reopen(data)
		must(t, err)
		if _, problems := verified(t, c); len(problems) > 0 || len(c.Damage()) > 0 || c.Manifest.Complete != finished {
			t.Errorf("finished %v: %v, %v", finished, problems, c.Damage())
		}
		for at := range data {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << (at % 8)
			c, err := reopen(changed)
			if errors.Is(err, ErrVersion) {
				continue
			}
			must(t, err)
			if _, problems := verified(t, c); len(problems) == 0 {
				t.Errorf("finished %v: byte %d became %q: nothing is wrong", finished, at, changed[max(0, at-20):at+1])
			}
			if name := len(data) - 90; c.Manifest.Complete && at < name { // where the checksum's name begins, or before
				t.Errorf("finished %v: byte %d became %q: complete", finished, at, changed[max(0, at-20):at+1])
			}
		}
		old := bytes.Replace(data, []byte(`"minor": 2`), []byte(`"minor": 1`), 1)
		old = append(bytes.TrimSuffix(old[:bytes.Index(old, []byte(`  "checksum"`))], []byte(",\n")), "}\n"...)
		c, err = reopen(old)
		must(t, err)
		if len(c.Damage()) > 0 || c.Manifest.Complete != finished {
			t.Errorf("1.1, finished %v: %v", finished, c.Damage())
		}
	}
}

// A newer major version is refused, also if only the segments have it.
func TestNewerMajor(t *testing.T) {
	e := newEncoder(pathSchema, []string{"fletch.format", "2.0"})
	b := append(e.start(), e.end(nil)...)
	if _, err := openSegment("path", b); !errors.Is(err, ErrVersion) {
		t.Error(err)
	}
}
