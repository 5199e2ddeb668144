// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// taskSchema is a dimension table: it has a ts, but its rows are no events.
var taskSchema = &Schema{Table: "task", Columns: []Column{{"task", Int32}, {"ts", Timestamp}, {"comm", String}}}

// generationManifest begins just before the rows of generation 1.
var generationManifest = func() Manifest {
	m := testManifest
	m.Start = time.Unix(1700000000, 0).UTC()
	m.Clock = []Clock{{Monotonic: 1, Wall: m.Start.UnixNano()}}
	return m
}()

// generationRows returns what appendGeneration appends to a table.
func generationRows(s *Schema, n int) *Batch {
	b := fill(NewBatch(s), 20, uint64(n))
	b.Generation = n
	return b
}

// hasRows reports whether appendGeneration appends rows to a table in generation n.
func hasRows(s *Schema, n int) bool { return s != processSchema || n%2 == 1 }

var generationSchemas = []*Schema{taskSchema, syscallSchema, processSchema}

// appendGeneration appends generation n to w. Table process has no rows if n is even.
func appendGeneration(w *Writer, n int) error {
	for _, s := range generationSchemas {
		if hasRows(s, n) {
			if err := w.Append(generationRows(s, n), Zstd); err != nil {
				return err
			}
		}
	}
	return nil
}

// generations returns the content of a capture of the generations from..to.
func generations(from, to int) map[string][][]any {
	want := map[string][][]any{}
	for n := from; n <= to; n++ {
		for _, s := range generationSchemas {
			if hasRows(s, n) {
				want[s.Table] = append(want[s.Table], rows(generationRows(s, n))...)
			}
		}
	}
	return want
}

// checkGenerations checks that the capture at path has exactly the rows and segments
// of the generations from..to.
func checkGenerations(t *testing.T, path string, from, to int, complete bool) *Capture {
	t.Helper()
	c := open(t, path)
	if c.Manifest.Complete != complete || len(c.Damage()) > 0 {
		t.Errorf("%s: complete %v, damage %v", path, c.Manifest.Complete, c.Damage())
	}
	if got, want := content(t, c), generations(from, to); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %d and %d rows, not %d and %d", path, len(got["syscall"]), len(got["process"]),
			len(want["syscall"]), len(want["process"]))
	}
	for _, table := range c.Tables() {
		for _, s := range table.Segments {
			var n int
			fmt.Sscanf(filepath.Base(s.Name), "%d.arrow", &n)
			if n < from || n > to {
				t.Errorf("%s: segment %s", path, s.Name)
			}
		}
		if got := c.Manifest.Tables[table.Schema.Table]; got.Rows != table.Rows ||
			got.Segments != len(table.Segments) || got.Bytes != table.Bytes {
			t.Errorf("%s: table %s: %+v", path, table.Schema.Table, got)
		}
	}
	// The capture starts at the last event of the generation before. Rows of dimension tables do not count.
	if from > 1 {
		_, hi, _ := generationRows(syscallSchema, from-1).timeRange()
		if before := generations(from-1, from-1); before["process"] != nil {
			_, other, _ := generationRows(processSchema, from-1).timeRange()
			hi = max(hi, other)
		}
		if got := c.Manifest.Start.UnixNano(); got != hi {
			t.Errorf("%s: starts at %v, not %v", path, c.Manifest.Start, time.Unix(0, hi).UTC())
		}
	} else if !c.Manifest.Start.Equal(generationManifest.Start) {
		t.Errorf("%s: starts at %v", path, c.Manifest.Start)
	}
	return c
}

func TestGenerations(t *testing.T) {
	for _, memory := range []bool{false, true} {
		t.Run(fmt.Sprintf("memory=%v", memory), func(t *testing.T) {
			keepGenerations(t, memory)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// checkTables checks that w has two generations: 6, and 7, which is not finished.
func checkTables(t *testing.T, w *Writer) {
	t.Helper()
	for name, info := range w.Tables() {
		want := int64(40)
		if name == "process" {
			want = 20
		}
		if info.Rows != want || info.Segments != int(want/20) {
			t.Errorf("table %s: %+v", name, info)
		}
	}
}

// keepGenerations writes generations, keeps the last ones, and dumps some.
func keepGenerations(t *testing.T, memory bool) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c")
	w, err := Create(path, generationManifest, WriterOptions{Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 6; n++ {
		must(t, appendGeneration(w, n))
		if bytes := w.Bytes(n); bytes < 1000 {
			t.Errorf("generation %d has %d bytes", n, bytes)
		}
		must(t, w.Finish(n))
		must(t, w.Drop(n-4))
	}
	must(t, appendGeneration(w, 7))
	if !memory {
		checkGenerations(t, path, 3, 7, false)
	} else if w.MemoryBytes() != 3*5*memoryChunk-2*memoryChunk {
		t.Errorf("%d bytes in memory", w.MemoryBytes())
	}
	// A dump stays whole when the generations that it was made of are dropped.
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	must(t, w.Dump(one, 4, 6, func(m *Manifest) {
		m.Dump = &Dump{Reason: "trigger", TS: m.End, Condition: "a < b"}
	}))
	must(t, w.Drop(5))
	must(t, w.Dump(two, 1, 6, nil))
	c := checkGenerations(t, one, 4, 6, true)
	d := c.Manifest.Dump
	if d == nil || d.Reason != "trigger" || d.Condition != "a < b" || !d.TS.Equal(c.Manifest.End) {
		t.Errorf("dump %+v", d)
	}
	_, hi, _ := generationRows(syscallSchema, 6).timeRange()
	if got := c.Manifest.End.UnixNano(); got < hi || got > hi+100_000 {
		t.Errorf("dump ends at %v", c.Manifest.End)
	}
	checkGenerations(t, two, 6, 6, true)
	checkTables(t, w)
	must(t, w.Drop(6))
	must(t, w.Close(nil))
	if !memory {
		checkGenerations(t, path, 7, 7, true)
		want := []string{"-rw------- capture.json", "drwx------ process", "-rw------- process/000007.arrow",
			"drwx------ syscall", "-rw------- syscall/000007.arrow", "drwx------ task", "-rw------- task/000007.arrow"}
		if got := tree(t, path); !slices.Equal(got, want) {
			t.Errorf("has %q", got)
		}
	} else if w.MemoryBytes() != 0 {
		t.Errorf("%d bytes in memory after Close", w.MemoryBytes())
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	if want := 3; len(entries) != want && !(memory && len(entries) == want-1) {
		t.Errorf("left %v", entries)
	}
}

// A call that the Writer refuses changes neither the Writer nor the disk.
func TestGenerationsRefused(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "c"), generationManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 3; n++ {
		if err := appendGeneration(w, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(2); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "there"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	for _, c := range []struct {
		what string
		err  error
		is   error
		says string
	}{
		{"back", w.Append(generationRows(syscallSchema, 2), Zstd), nil,
			"a batch of generation 2 after generation 3 was finished"},
		{"finished", w.Append(generationRows(pathSchema, 2), Zstd), nil,
			"a batch of generation 2 after generation 2 was finished"},
		{"drop open", w.Drop(3), nil, "segment task/000003.arrow is still being written"},
		{"dump open", w.Dump(filepath.Join(dir, "d"), 1, 3, nil), nil,
			"segment task/000003.arrow is still being written"},
		{"dump there", w.Dump(filepath.Join(dir, "there"), 1, 2, nil), fs.ErrExist, "there"},
		{"dump itself", w.Dump(filepath.Join(dir, "c"), 1, 2, nil), fs.ErrExist, "c"},
		{"dump link", w.Dump(filepath.Join(dir, "link"), 1, 2, nil), fs.ErrExist, "link"},
		{"dump nowhere", w.Dump(filepath.Join(dir, "no/where"), 1, 2, nil), fs.ErrNotExist, "no/where"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.says) || c.is != nil && !errors.Is(c.err, c.is) {
			t.Errorf("%s: %v", c.what, c.err)
		}
	}
	if after := tree(t, dir); !slices.Equal(before, after) {
		t.Errorf("%q became %q", before, after)
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	checkGenerations(t, filepath.Join(dir, "c"), 1, 3, true)
}

// A tar can be written in generations too, but without Drop and Dump.
func TestGenerationsTar(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.tar")
	w, err := Create(path, generationManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 3; n++ {
		if err := appendGeneration(w, n); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		// A generation continues after Flush.
		if err := w.Append(generationRows(pathSchema, n), None); err != nil {
			t.Fatal(err)
		}
		if w.Bytes(n) < 3000 {
			t.Errorf("generation %d has %d bytes", n, w.Bytes(n))
		}
		if err := w.Finish(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Drop(2); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("drop: %v", err)
	}
	if err := w.Dump(path+".dump", 1, 2, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("dump: %v", err)
	}
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	c := open(t, path)
	got := content(t, c)
	delete(got, "path")
	if !c.Manifest.Complete || c.Table("path").Rows != 60 || !reflect.DeepEqual(got, generations(1, 3)) {
		t.Errorf("complete %v, tables %v", c.Manifest.Complete, c.Manifest.Tables)
	}
}

// useConcurrently appends to w from two goroutines, as two lanes do. Another one finishes, dumps, drops and syncs the
// generations that both have written, and one asks for sizes.
func useConcurrently(t *testing.T, w *Writer, dir string, last int) {
	var lanes, rotator sync.WaitGroup
	passed := [2]chan struct{}{make(chan struct{}, last), make(chan struct{}, last)}
	done := make(chan struct{})
	for i, schemas := range [][]*Schema{{syscallSchema}, {taskSchema, processSchema}} {
		lanes.Go(func() {
			for n := 1; n <= last; n++ {
				for _, s := range schemas {
					if !hasRows(s, n) {
						continue
					}
					if err := w.Append(generationRows(s, n), LZ4); err != nil {
						t.Error(err)
					}
				}
				passed[i] <- struct{}{}
			}
		})
	}
	rotator.Go(func() {
		for n := 1; n <= last; n++ {
			// Wait until both lanes have written it; one may be far ahead.
			<-passed[0]
			<-passed[1]
			rotate(t, w, dir, n)
		}
	})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				w.Tables()
				w.Bytes(last)
				w.MemoryBytes()
				runtime.Gosched()
			}
		}
	})
	lanes.Wait()
	rotator.Wait()
	close(done)
	reader.Wait()
}

// rotate finishes generation n, drops all but the last three, and dumps these if n is a multiple of 5.
func rotate(t *testing.T, w *Writer, dir string, n int) {
	if err := w.Finish(n); err != nil {
		t.Error(err)
	}
	if n%5 == 0 {
		// Dropped while it is dumped.
		var drop sync.WaitGroup
		drop.Go(func() {
			if err := w.Drop(n - 3); err != nil {
				t.Error(err)
			}
		})
		if err := w.Dump(filepath.Join(dir, fmt.Sprint("d", n)), n-2, n, nil); err != nil {
			t.Error(err)
		}
		drop.Wait()
	}
	if err := w.Drop(n - 3); err != nil {
		t.Error(err)
	}
	if err := w.Sync(); err != nil {
		t.Error(err)
	}
}

// While two lanes write, one ahead of the other, a third goroutine finishes, dumps,
// drops and syncs: dumps are whole, and dropped generations take no memory.
func TestGenerationsConcurrently(t *testing.T) {
	const last = 60
	for _, memory := range []bool{false, true} {
		t.Run(fmt.Sprintf("memory=%v", memory), func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "c")
			w, err := Create(path, generationManifest, WriterOptions{Memory: memory})
			if err != nil {
				t.Fatal(err)
			}
			useConcurrently(t, w, dir, last)
			for n := 5; n <= last; n += 5 {
				c := open(t, filepath.Join(dir, fmt.Sprint("d", n)))
				same := reflect.DeepEqual(content(t, c), generations(n-2, n))
				if m := c.Manifest; !same || !m.Complete || len(c.Damage()) > 0 {
					t.Errorf("dump %d: complete %v, damage %v, tables %v", n, m.Complete, c.Damage(), m.Tables)
				}
			}
			if m, ok := w.destination.(*memoryDestination); ok {
				// Chunks are reused, so there are no more than were needed at a time.
				if n := int64(len(m.free))*memoryChunk + m.used; n > 3*(last+4)*memoryChunk {
					t.Errorf("%d bytes are held", n)
				}
				if err := errors.Join(w.Finish(last), w.Drop(last)); err != nil || m.used != 0 {
					t.Errorf("%d bytes in memory after all was dropped: %v", m.used, err)
				}
			}
			if err := w.Abort(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("left %s: %v", path, err)
			}
		})
	}
}

// However long generations are written and dropped, memory is bounded by those kept.
func TestGenerationsMemoryIsBounded(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "c"), generationManifest, WriterOptions{Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	m := w.destination.(*memoryDestination)
	var held int64
	for n := 1; n <= 500; n++ {
		if err := errors.Join(appendGeneration(w, n), w.Finish(n), w.Drop(n-4)); err != nil {
			t.Fatal(err)
		}
		now := int64(len(m.free))*memoryChunk + m.used
		if n == 20 {
			held = now
		}
		if n > 20 && now != held {
			t.Fatalf("%d bytes after 20 generations, %d after %d", held, now, n)
		}
		if len(w.generations) > 1 || len(m.segments) > 12 || len(w.tables["syscall"].segments) != min(n, 4) {
			t.Fatalf("generation %d: %d generations, %d segments", n, len(w.generations), len(m.segments))
		}
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
}

// RemoveDump removes a dump next to the capture that is being written. It refuses what is by its manifest no dump, and
// a directory that has anything else in it, and leaves that as it is.
func TestRemoveDump(t *testing.T) {
	for _, memory := range []bool{false, true} {
		dir := t.TempDir()
		w, err := Create(filepath.Join(dir, "window"), generationManifest, WriterOptions{Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(appendGeneration(w, 1), w.Finish(1)); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*Manifest){
			"dump":     func(m *Manifest) { m.Dump = &Dump{Reason: "end"} },
			"mixed":    func(m *Manifest) { m.Dump = &Dump{Reason: "end"} },
			"redacted": func(m *Manifest) { m.Dump, m.Derived = &Dump{Reason: "end"}, &Derived{How: "redact"} },
			"plain":    nil,
		} {
			must(t, w.Dump(filepath.Join(dir, name), 1, 1, change))
		}
		must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o700))
		mixed := filepath.Join(dir, "mixed", "syscall", "notes.txt")
		if err := errors.Join(os.WriteFile(mixed, nil, 0o600),
			os.Mkdir(filepath.Join(dir, "half"+RemovedSuffix), 0o700)); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]error{"dump": nil, "half" + RemovedSuffix: nil, "mixed": fs.ErrExist,
			"plain": fs.ErrExist, "redacted": fs.ErrExist, "empty": fs.ErrExist, "nothing": fs.ErrNotExist} {
			if err := w.RemoveDump(name); !errors.Is(err, want) {
				t.Errorf("memory %v: removing %s: %v, want %v", memory, name, err, want)
			}
		}
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(left) != map[bool]int{false: 5, true: 4}[memory] || filepath.Base(left[1]) != "mixed" {
			t.Errorf("memory %v: left are %v, %v", memory, left, err)
		}
		c, err := Open(filepath.Join(dir, "mixed"))
		if err != nil || !c.Manifest.Complete || c.Table("syscall").Rows != 20 {
			t.Fatalf("the capture that could not be removed has changed: %v", err)
		}
		if err := errors.Join(c.Close(), w.Close(nil)); err != nil {
			t.Error(err)
		}
	}
	w, err := Create(filepath.Join(t.TempDir(), "c.tar"), generationManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.RemoveDump("dump"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("beside a tar: %v", err)
	}
	if err := w.Close(nil); err != nil {
		t.Error(err)
	}
}

// A capture opens while its recorder writes and drops generations.
func TestOpenWhileDropping(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	w, err := Create(path, generationManifest, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var opens atomic.Int32
	var opener sync.WaitGroup
	done := make(chan struct{})
	opener.Go(func() {
		for {
			c, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			for _, table := range c.Tables() {
				var b Batch
				for _, block := range table.Blocks() {
					if err := table.Read(&b, block, nil); err != nil {
						t.Error(err)
					}
				}
			}
			c.Close()
			opens.Add(1)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for n := 1; n < 300 || opens.Load() < 20 && !t.Failed(); n++ {
		if err := errors.Join(appendGeneration(w, n), w.Finish(n), w.Drop(n-2)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		t.Error(err)
	}
	close(done)
	opener.Wait()
	t.Logf("opened %d times", opens.Load())
}

// A dump may have rows of its own, in segments that the recording does not have.
func TestDumpHasRowsOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "c"), generationManifest, WriterOptions{})
	must(t, err)
	must(t, appendGeneration(w, 1))
	must(t, w.Finish(1))
	const own = 1_000_000_001
	path := filepath.Join(dir, "dump")
	tasks, processes := generationRows(taskSchema, own), generationRows(processSchema, own)
	must(t, w.Dump(path, 1, 1, nil, tasks, NewBatch(pathSchema), processes))
	c, err := Open(path)
	must(t, err)
	defer c.Close()
	for _, s := range []*Schema{taskSchema, processSchema} {
		table := c.Table(s.Table)
		if table.Rows != 40 || len(table.Segments) != 2 || table.Segments[1].Name != s.Table+"/1000000001.arrow" ||
			!table.Segments[1].Complete || c.Manifest.Tables[s.Table].Rows != 40 {
			t.Errorf("%s: %d rows in %v, %+v", s.Table, table.Rows, table.Segments, c.Manifest.Tables[s.Table])
		}
	}
	if !c.Manifest.Complete || len(c.Damage()) != 0 || c.Table("path") != nil {
		t.Errorf("complete %v, damage %v", c.Manifest.Complete, c.Damage())
	}
	if n, err := verified(t, c); n != 5 || err != nil {
		t.Errorf("%d segments are as they were written, want 5: %v", n, err)
	}
	must(t, w.Close(nil))
	if left, _ := filepath.Glob(filepath.Join(dir, "c", "*", "1000000001.arrow")); len(left) != 0 {
		t.Errorf("the recording has %v", left)
	}
}

// Of generations that are never dropped the Writer keeps no more than totals, and the
// capture is the same. Those that are to be synced are kept until then.
func TestGenerationsThatAreNeverDropped(t *testing.T) {
	for _, syncs := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "c")
		w, err := Create(path, generationManifest, WriterOptions{NeverDrops: true, Syncs: syncs})
		if err != nil {
			t.Fatal(err)
		}
		const last = 50
		kept := func() (n int) {
			for _, table := range w.tables {
				n += len(table.segments)
			}
			return n
		}
		for n := 1; n <= last; n++ {
			if err := appendGeneration(w, n); err != nil {
				t.Fatal(err)
			}
			if n == 1 && w.Batches(1) != 1 {
				t.Errorf("%d batches, want 1", w.Batches(1))
			}
			if err := w.Finish(n); err != nil {
				t.Fatal(err)
			}
			if n%10 != 0 || !syncs {
				continue
			}
			if kept() == 0 {
				t.Error("segments were forgotten before they were synced")
			}
			if err := errors.Join(w.Sync(), w.Finish(n)); err != nil {
				t.Fatal(err)
			}
		}
		if n := kept(); n > 0 {
			t.Errorf("%d segments are kept after %d generations", n, last)
		}
		if err := w.Close(nil); err != nil {
			t.Fatal(err)
		}
		c := checkGenerations(t, path, 1, last, true)
		if !c.Manifest.Start.Equal(generationManifest.Start) || len(c.Manifest.SHA256) != last*2+last/2 {
			t.Errorf("it starts at %v, and %d segments have a checksum", c.Manifest.Start, len(c.Manifest.SHA256))
		}
	}
	path := filepath.Join(t.TempDir(), "c")
	w, err := Create(path, generationManifest, WriterOptions{NeverDrops: true})
	for n := 1; n <= 3 && err == nil; n++ {
		err = errors.Join(appendGeneration(w, n), w.Finish(n))
	}
	if err == nil {
		err = w.Abort()
	}
	if _, there := os.Lstat(path); err != nil || !errors.Is(there, fs.ErrNotExist) {
		t.Errorf("aborting: %v, %v", err, there)
	}
}

// Checksums take little memory as long as the recording lasts.
func TestChecksumsAreSmall(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "c"), generationManifest, WriterOptions{NeverDrops: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	table, err := w.table(syscallSchema)
	if err != nil {
		t.Fatal(err)
	}
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := used()
	for n := range maxChecksums + 10 {
		table.number = n + 1
		w.setChecksum(table, make([]byte, 32))
	}
	if got := int64(used() - before); w.checksums != maxChecksums || got > MaxChecksumBytes {
		t.Errorf("%d checksums take %d bytes, want at most %d", w.checksums, got, MaxChecksumBytes)
	}
	w.dropChecksum(table, 1)
	w.dropChecksum(table, 100)
	w.dropChecksum(table, 100)
	if got := w.allChecksums(); len(got) != maxChecksums-2 || w.checksums != len(got) {
		t.Errorf("%d are left, and %d are counted", len(got), w.checksums)
	}
}
