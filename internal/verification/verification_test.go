// SPDX-License-Identifier: Apache-2.0

package verification

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/fixture"
	"github.com/fletch-trace/fletch/internal/redaction"
)

// entry is a file of a capture.
type entry struct {
	name string
	data []byte
}

// written returns the files of a capture, as a tar has them: capture.json first and last.
func written(t *testing.T, c *fixture.Capture) (entries []entry) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.tar")
	if err := c.Write(path, 5*time.Second, nil); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return entries
		}
		data, readErr := io.ReadAll(r)
		if err != nil || readErr != nil {
			t.Fatal(err, readErr)
		}
		entries = append(entries, entry{h.Name, data})
	}
}

// packed makes a tar of files.
func packed(t *testing.T, entries []entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.data)), Mode: 0o600})
		if err == nil {
			_, err = w.Write(e.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// containers open files as a capture in each way that there is.
var containers = map[string]func(t *testing.T, entries []entry) (capture.Set, error){
	"directory": func(t *testing.T, entries []entry) (capture.Set, error) {
		dir := t.TempDir()
		for _, e := range entries {
			name := filepath.Join(dir, filepath.FromSlash(e.name))
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, e.data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return capture.OpenEach(t.Context(), []string{dir}, nil)
	},
	"tar": func(t *testing.T, entries []entry) (capture.Set, error) { return openTar(t, packed(t, entries)) },
	"stream": func(t *testing.T, entries []entry) (capture.Set, error) {
		return openStream(t.Context(), bytes.NewReader(packed(t, entries)))
	},
	"zst": func(t *testing.T, entries []entry) (capture.Set, error) {
		return openStream(t.Context(), decompressed(t, compressed(t, packed(t, entries))))
	},
}

func openTar(t *testing.T, data []byte) (capture.Set, error) {
	c, err := format.OpenTar(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	return capture.Set{capture.New(t.Context(), c)}, nil
}

// openStream opens a tar that cannot be read in place.
func openStream(ctx context.Context, r io.Reader) (capture.Set, error) {
	return capture.OpenEach(ctx, []string{"-"}, io.MultiReader(r))
}

func compressed(t *testing.T, data []byte) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true))
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// decompressed is what zstd -dc prints before it fails, if it does.
func decompressed(t *testing.T, data []byte) io.Reader {
	r, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out, _ := io.ReadAll(r)
	return bytes.NewReader(out)
}

// state verifies what was opened. A capture that cannot be opened is "unreadable", which no program takes for whole.
func state(t *testing.T, set capture.Set, err error) (State, found) {
	t.Helper()
	if err != nil {
		return "unreadable", found{}
	}
	defer set.Close()
	result, err := Run(t.Context(), set[0], &Progress{})
	if err != nil {
		return "unreadable", found{}
	}
	return result.State, found{result, set[0].ManifestSHA256()}
}

// found is what Run found, and the SHA-256 of the manifest.
type found struct {
	*Result
	manifest string
}

// change is one change of the files of a capture.
type change struct {
	name string
	make func(entries []entry) []entry
}

// flip changes a byte of file i.
func flip(i, at int) func([]entry) []entry {
	return func(entries []entry) []entry {
		entries[i].data = bytes.Clone(entries[i].data)
		entries[i].data[at] ^= 0x20
		return entries
	}
}

// changes are changes of every segment, and of the list of segments.
func changes(entries []entry) (all []change) {
	add := func(make func([]entry) []entry, name string, args ...any) {
		all = append(all, change{fmt.Sprintf(name, args...), make})
	}
	for i, e := range entries {
		if e.name == format.ManifestName {
			continue
		}
		n := len(e.data)
		for at := 0; at < n; at += max(1, n/11) {
			add(flip(i, at), "flip byte %d of %s", at, e.name)
		}
		add(flip(i, n-1), "flip the last byte of %s", e.name)
		for _, length := range []int{0, 1, 7, 8, 9, n / 3, n / 2, n - 11, n - 1} {
			add(func(es []entry) []entry { es[i].data = e.data[:length]; return es }, "cut %s to %d", e.name, length)
		}
		add(func(es []entry) []entry { es[i].data = append(bytes.Clone(e.data), 0); return es }, "append to %s", e.name)
		add(func(es []entry) []entry { return slices.Delete(es, i, i+1) }, "delete %s", e.name)
		table, base, _ := strings.Cut(e.name, "/")
		for _, copied := range []string{table + "/000077.arrow", table + "/0" + base, "added/" + base} {
			add(func(es []entry) []entry { return slices.Insert(es, 1, entry{copied, e.data}) },
				"copy %s to %s", e.name, copied)
		}
		for j, o := range entries[:i] {
			if o.name != format.ManifestName {
				add(func(es []entry) []entry { es[i].data, es[j].data = es[j].data, es[i].data; return es },
					"swap %s and %s", e.name, o.name)
			}
		}
	}
	return all
}

// Whatever changes in a segment, and whichever segment is missing, was added or is another's, is found, in every
// container. A capture as it was written is whole.
func TestChangedFilesAreFound(t *testing.T) {
	entries := written(t, fixture.Small())
	all := changes(entries)
	for container, open := range containers {
		set, err := open(t, entries)
		got, result := state(t, set, err)
		if got != Whole || result.Segments != len(entries)-2 || result.Unchecked != 0 {
			t.Errorf("%s as it was written: %v, %+v", container, got, result)
		}
		for i, c := range all {
			if container != "directory" && i%5 != 0 {
				continue // they share what finds it; see the tar's own test
			}
			set, err := open(t, c.make(slices.Clone(entries)))
			if got, _ := state(t, set, err); got != Wrong && got != "unreadable" {
				t.Errorf("%s: %s: %v", container, c.name, got)
			}
		}
	}
}

// Whatever changes in a tar, between its files too, is found, or it is cut off and not finished. Its entries may be
// in any order.
func TestChangedTarsAreFound(t *testing.T) {
	entries := written(t, fixture.Small())
	whole := packed(t, entries)
	set, err := openTar(t, whole)
	_, result := state(t, set, err)
	sum := result.manifest
	for at := 0; at < len(whole); at += 1 + len(whole)/499 {
		data := bytes.Clone(whole)
		data[at] ^= 0x40
		set, err = openTar(t, data)
		if got, result := state(t, set, err); got == Whole && result.manifest == sum {
			t.Errorf("byte %d changed: %v", at, got)
		}
	}
	for length := 0; length < len(whole); length += 1 + len(whole)/61 {
		for container, open := range map[string]func() (capture.Set, error){
			"tar":    func() (capture.Set, error) { return openTar(t, whole[:length]) },
			"stream": func() (capture.Set, error) { return openStream(t.Context(), bytes.NewReader(whole[:length])) },
		} {
			set, err := open()
			if got, _ := state(t, set, err); got == Whole {
				t.Errorf("%s cut to %d: %v", container, length, got)
			}
		}
	}
	small := compressed(t, whole)
	for at := 0; at < len(small); at += 1 + len(small)/47 {
		data := bytes.Clone(small)
		data[at] ^= 0x10
		set, err := openStream(t.Context(), decompressed(t, data))
		// What changed may be the frame's checksum; zstd -dc then prints everything, and fails.
		out, _ := io.ReadAll(decompressed(t, data))
		if got, result := state(t, set, err); got == Whole && result.manifest == sum && !sameTar(out, whole) {
			t.Errorf("byte %d of the compressed tar changed: %v", at, got)
		}
		set, err = openStream(t.Context(), decompressed(t, small[:at]))
		if got, _ := state(t, set, err); got == Whole {
			t.Errorf("compressed tar cut to %d: %v", at, got)
		}
	}
	for name, data := range map[string][]byte{
		"a segment twice": packed(t, append(entries[:1:1], entries[1], entries[1], entries[2])),
		"text at the end": append(bytes.Clone(whole), "hello"...),
		"no end":          whole[:len(whole)-1024],
	} {
		set, err := openTar(t, data)
		if got, _ := state(t, set, err); got != Wrong {
			t.Errorf("%s: %v", name, got)
		}
	}
	slices.Reverse(entries[1 : len(entries)-1])
	set, err = openTar(t, packed(t, entries))
	if got, result := state(t, set, err); got != Whole {
		t.Errorf("in another order: %v, %v", got, result.Problems)
	}
}

// Every change of the manifest is found that contradicts something, although its checksum is right, and the others
// change its SHA-256, which Verify gives. This is the list of what is not found without it.
func TestChangedManifestsAreFound(t *testing.T) {
	c := fixture.Small()
	c.Manifest.Command = []string{"true"}
	entries := written(t, c)
	last := len(entries) - 1
	set, err := openTar(t, packed(t, entries))
	if err != nil {
		t.Fatal(err)
	}
	sum := set[0].ManifestSHA256()
	set.Close()
	var m map[string]any
	if err := json.Unmarshal(entries[last].data, &m); err != nil {
		t.Fatal(err)
	}
	notFound := []string{"command", "cpus", "page_size", "probes", "recorder"}
	delete(m, "checksum")
	for field, value := range m {
		for how, changed := range variants(value) {
			m[field] = changed
			if how == "removed" {
				delete(m, field)
			}
			data := signed(t, m)
			m[field] = value
			es := slices.Clone(entries)
			es[last].data = data
			set, err := openTar(t, packed(t, es))
			got, _ := state(t, set, err)
			if err == nil && set[0].ManifestSHA256() == sum {
				t.Errorf("%s %s: the SHA-256 is the same", field, how)
			}
			if found := got != Whole; !found && !slices.Contains(notFound, field) {
				t.Errorf("%s %s: %v", field, how, got)
			}
		}
	}
}

// Times that contradict each other are found, although the manifest has the right checksum, and times are not found
// that a machine may have: whose wall clock is stepped or slewed, or which was suspended.
func TestTimesOfTheManifest(t *testing.T) {
	entries := written(t, fixture.Small())
	last := len(entries) - 1
	at := func(d time.Duration) string { return fixture.Start.Add(d).Format(time.RFC3339Nano) }
	reading := func(monotonic, wall time.Duration) any {
		return map[string]any{"monotonic": int64(time.Second + monotonic), "wall": fixture.At(wall)}
	}
	first := reading(0, 0)
	change := func(d time.Duration, what string) any {
		return map[string]any{"ts": at(d), "what": what, "detail": "x"}
	}
	for _, c := range []struct {
		name  string
		set   map[string]any
		wrong string // "": nothing
	}{
		{"as it was", nil, ""},
		{"start is end", map[string]any{"start": at(5 * time.Second)}, "has another start"},
		{"end is start", map[string]any{"end": at(0)}, "which is not"},
		{"end before start", map[string]any{"end": at(-time.Second)}, "ended before it began"},
		{"end before rows", map[string]any{"end": at(time.Second)}, "which is not"},
		{"later start", map[string]any{"start": at(time.Millisecond)}, "has another start"},
		{"earlier start", map[string]any{"start": at(-time.Millisecond)}, "before the first reading"},
		{"no start", map[string]any{"start": time.Time{}.Format(time.RFC3339)}, "does not say when"},
		{"clock of 1", map[string]any{"clock": []any{map[string]any{"monotonic": 1, "wall": 1}}}, "has another start"},
		{"clock of -1", map[string]any{"clock": []any{first, reading(-time.Minute, time.Second)}}, "not in order"},
		{"clock backwards", map[string]any{"clock": []any{first, reading(2*time.Second, 2*time.Second),
			reading(time.Second, time.Second)}}, "not in order"},
		{"another wall clock", map[string]any{"clock": []any{first, reading(time.Second, time.Minute)}},
			"differ by 59s"},
		{"stepped", map[string]any{"clock": []any{first, reading(time.Second, -time.Hour)},
			"changes": []any{change(time.Second, "clock")}}, ""},
		{"suspended", map[string]any{"clock": []any{first, reading(time.Second, 9*time.Hour)},
			"changes": []any{change(time.Second, "cpu"), change(time.Second, "suspend")}}, ""},
		{"slewed", map[string]any{"clock": []any{first, reading(100*time.Second, 92*time.Second)}}, ""},
		{"a change before", map[string]any{"changes": []any{change(-time.Second, "cpu")}}, "not in the recording"},
		{"a change after", map[string]any{"changes": []any{change(time.Minute, "cpu")}}, "not in the recording"},
		{"changes in another order", map[string]any{"changes": []any{change(2*time.Second, "cpu"),
			change(time.Second, "cpu")}}, "not in order"},
		{"killed", map[string]any{"complete": false, "end": nil, "tables": nil}, ""},
		{"killed, a later start", map[string]any{"complete": false, "end": nil, "start": at(time.Minute)},
			"has another start"},
	} {
		var m map[string]any
		if err := json.Unmarshal(entries[last].data, &m); err != nil {
			t.Fatal(err)
		}
		delete(m, "checksum")
		for name, value := range c.set {
			if m[name] = value; value == nil {
				delete(m, name)
			}
		}
		es := slices.Clone(entries)
		es[last].data = signed(t, m)
		set, err := openTar(t, packed(t, es))
		got, result := state(t, set, err)
		var texts []string
		for _, p := range result.Problems {
			texts = append(texts, p.Text)
		}
		if all := strings.Join(texts, "\n"); (got == Wrong) != (c.wrong != "") || !strings.Contains(all, c.wrong) {
			t.Errorf("%s: %v, %s", c.name, got, all)
		}
	}
}

// What was in flight when a dump was made is later than its end, also in a redaction of several dumps.
func TestDumpsEndBeforeWhatIsInFlight(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "recording")
	m := fixture.New().Manifest
	w, err := format.Create(path, m, format.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 4; n++ {
		c := fixture.New()
		at := time.Duration(n) * time.Second
		c.Add(fixture.Cgroup, fixture.Row{"cgroup": int64(77), "name": "/"})
		c.AddTask(1, 100, 100, 1, at, "worker", "/usr/bin/worker")
		c.AddSyscall(at, 0, 1, 1, 0, 5*time.Second)
		var errs []error
		for _, b := range c.Batches(n) {
			errs = append(errs, w.Append(b, format.Zstd))
		}
		if err := errors.Join(append(errs, w.Finish(n))...); err != nil {
			t.Fatal(err)
		}
	}
	all := []string{filepath.Join(dir, "1"), filepath.Join(dir, "2")}
	for i, path := range all {
		at := time.Duration(2*i+2)*time.Second + 21*time.Microsecond
		c := fixture.New()
		c.AddPending(at, 0, 1, 1)
		c.AddTCP(at, 1, "end", 4, "10.0.0.1", 1, "10.0.0.2", 2, nil)
		err := w.Dump(path, 2*i+1, 2*i+2, func(m *format.Manifest) {
			m.Dump = &format.Dump{Reason: "sigusr2", TS: fixture.Start.Add(at)}
		}, c.Batches(2*i+2+format.InFlightSegments)...)
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(path string) {
		set, err := capture.OpenEach(t.Context(), []string{path}, nil)
		if got, result := state(t, set, err); got != Whole {
			t.Errorf("%s: %v, %v", path, got, result.Problems)
		}
	}
	check(all[0])
	check(all[1])
	for _, paths := range [][]string{all[:1], all[1:], all} {
		for _, name := range []string{"redacted", "redacted.tar"} {
			from, err := capture.OpenRecording(t.Context(), paths, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			job := redaction.Job{Capture: from, Path: filepath.Join(t.TempDir(), name),
				Rules: redaction.Rules{Names: true, Key: make([]byte, 32)}}
			if _, err := job.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			check(job.Path)
		}
	}
}

// signed returns a manifest with its checksum, as a forger can compute it.
func signed(t *testing.T, m map[string]any) []byte {
	t.Helper()
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	data = append(data[:len(data)-2], ",\n  \"checksum\": \""...)
	return fmt.Appendf(data, "%x\"\n}\n", sha256.Sum256(data))
}

// variants returns changes of a value of a manifest: other values of its type, and each element of it changed.
func variants(value any) map[string]any {
	out := map[string]any{"removed": nil}
	switch v := value.(type) {
	case string:
		out["another"] = "x" + v
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			out["another"] = at.Add(-time.Hour)
		}
	case bool:
		out["negated"] = !v
	case float64:
		out["greater"], out["negative"] = v+1, -v-1
	case map[string]any:
		for k, element := range v {
			for how, changed := range variants(element) {
				m := map[string]any{}
				for k, e := range v {
					m[k] = e
				}
				m[k] = changed
				if how == "removed" {
					if delete(m, k); element == 0.0 {
						continue // a number that is missing is 0
					}
				}
				out[k+" "+how] = m
			}
		}
	}
	return out
}

// What a killed recorder leaves is not finished, and nothing of it is wrong; cut off further it is the same.
func TestKilledIsNotFinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if _, err := fixture.Small().Start(path, format.WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	check := func(name string) {
		set, err := capture.OpenEach(t.Context(), []string{path}, nil)
		if got, result := state(t, set, err); got != Unfinished || result.Rows == 0 || result.Unchecked == 0 {
			t.Errorf("%s: %v, %+v", name, got, result)
		}
	}
	check("killed")
	for _, name := range []string{"syscall/000001.arrow", "task/000001.arrow"} {
		name = filepath.Join(path, filepath.FromSlash(name))
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data[:len(data)-40], 0o600); err != nil {
			t.Fatal(err)
		}
		check("cut " + name)
	}
	data, err := os.ReadFile(filepath.Join(path, "process", "000001.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-60] ^= 1
	if err := os.WriteFile(filepath.Join(path, "process", "000001.arrow"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := capture.OpenEach(t.Context(), []string{path}, nil)
	if got, _ := state(t, set, err); got != Wrong {
		t.Errorf("a byte changed: %v", got)
	}
}

// So is its redaction, although rows may refer to tasks that were not written any more.
func TestRedactionOfKilledIsNotFinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if _, err := fixture.Small().Start(path, format.WriterOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(path, "task")); err != nil {
		t.Fatal(err)
	}
	from, err := capture.OpenRecording(t.Context(), []string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	job := redaction.Job{Capture: from, Path: path + ".tar",
		Rules: redaction.Rules{Names: true, Key: make([]byte, 32)}}
	if _, err := job.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	set, err := capture.OpenEach(t.Context(), []string{job.Path}, nil)
	if got, result := state(t, set, err); got != Unfinished || result.Unwritten == 0 {
		t.Errorf("%v, %v", got, result.Problems)
	}
}

// Rows that no recorder writes are found by table and row, although all checksums are right.
func TestWrongRowsAreFound(t *testing.T) {
	for _, c := range []struct {
		name, table string
		row         int64
		says        string
		add         func(c *fixture.Capture)
	}{
		{"task", "syscall", 2, "task: 99 leads to no row of task; such ids: 1; lost rows of task: 0",
			func(c *fixture.Capture) {
				c.AddSyscall(0, 0, 1, 1, 0, 0)
				c.AddSyscall(0, 0, 99, 1, 0, 0)
			}},
		{"path", "file", 1, "path: 7 leads to no row of path", func(c *fixture.Capture) {
			c.AddFile(0, 1, "read", 7, 0, 0, 0, 0)
		}},
		{"cgroup", "task", 2, "cgroup: 5 leads to no row of cgroup", func(c *fixture.Capture) {
			c.Add(fixture.Task, fixture.Row{"task": int32(2), "ts": fixture.At(0), "cgroup": int64(5)})
		}},
		{"a task of id 0", "task", 2, "task: 0, which is not 1 or more", func(c *fixture.Capture) {
			c.Add(fixture.Task, fixture.Row{"ts": fixture.At(0)})
		}},
		{"control characters", "task", 2, `comm: a control character in a text: "\x1b[2J"`, func(c *fixture.Capture) {
			c.Add(fixture.Task, fixture.Row{"task": int32(2), "ts": fixture.At(0), "comm": "\x1b[2J"})
		}},
		{"C1", "process", 1, `args: a control character`, func(c *fixture.Capture) {
			c.AddProcess(0, 0, 1, "exec", 1, 1, fixture.Row{"args": []string{"x", "\u009b"}})
		}},
		{"not UTF-8", "process", 1, `filename: text that is not UTF-8`, func(c *fixture.Capture) {
			c.AddProcess(0, 0, 1, "exec", 1, 1, fixture.Row{"filename": "\xff"})
		}},
		{"op", "process", 1, `op: "born", which is none of snapshot, fork`, func(c *fixture.Capture) {
			c.AddProcess(0, 0, 1, "born", 1, 1, nil)
		}},
		{"cpu", "syscall", 1, "cpu: 2, which is not -1 to 1", func(c *fixture.Capture) {
			c.AddSyscall(0, 2, 1, 1, 0, 0)
		}},
		{"too early", "syscall", 1, "ts: ", func(c *fixture.Capture) { c.AddSyscall(-1, 0, 1, 1, 0, 0) }},
		{"too late", "syscall", 1, "ts: ", func(c *fixture.Capture) {
			c.AddSyscall(2*time.Second, 0, 1, 1, 0, 0)
		}},
		{"ends too late", "syscall", 2, "duration_ns: 1000000001, which is after", func(c *fixture.Capture) {
			c.AddSyscall(0, 0, 1, 1, 0, time.Second)
			c.AddSyscall(0, 0, 1, 1, 0, time.Second+1)
		}},
		{"duration", "syscall", 1, "duration_ns: -2, which is not -1 or more", func(c *fixture.Capture) {
			c.AddSyscall(0, 0, 1, 1, 0, -2)
		}},
		{"port", "tcp", 1, "sport: 65536, which is not 0 to 65535", func(c *fixture.Capture) {
			c.AddTCP(0, 1, "accept", 4, "10.0.0.1", 65536, "10.0.0.2", 2, nil)
		}},
		{"address", "tcp", 1, `daddr: "localhost", which is no address`, func(c *fixture.Capture) {
			c.AddTCP(0, 1, "accept", 4, "10.0.0.1", 1, "localhost", 2, nil)
		}},
		{"exit code", "process", 1, "exit_code: 256, which is not 0 to 255", func(c *fixture.Capture) {
			c.AddProcess(0, 0, 1, "exit", 1, 1, fixture.Row{"exit_code": int32(256)})
		}},
		{"other losses than the manifest has", "syscall", 0, "lost rows: 5, but 2 when it was recorded",
			func(c *fixture.Capture) { c.AddLoss(0, 0, 0, "syscall", 5) }},
	} {
		made := fixture.New()
		made.Add(fixture.Cgroup, fixture.Row{"cgroup": int64(77), "name": "/"})
		made.AddTask(1, 1, 1, 1, 0, "init", "/init")
		c.add(made)
		path := filepath.Join(t.TempDir(), "x")
		var lost map[string]int64
		if c.row == 0 {
			lost = map[string]int64{"syscall": 2}
		}
		if err := made.Write(path, time.Second, lost); err != nil {
			t.Fatal(err)
		}
		set, err := capture.OpenEach(t.Context(), []string{path}, nil)
		got, result := state(t, set, err)
		at := func(p Problem) bool {
			return p.Table == c.table && p.Row == c.row && strings.HasPrefix(p.Text, c.says)
		}
		if got != Wrong || len(result.Problems) != 1 || !at(result.Problems[0]) {
			t.Errorf("%s: %v, %+v", c.name, got, result.Problems)
		}
	}
}
