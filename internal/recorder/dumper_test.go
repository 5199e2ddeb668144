//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// Dumps are captures with unique names, also two in one millisecond, and their manifest has the reason. A dump that
// fails does not end the recording.
func TestDumper(t *testing.T) {
	k := newTestKeeper(t, 0, format.WriterOptions{})
	defer k.close()
	d := k.dumper
	d.dir = t.TempDir()
	var last *generation
	for n := 1; n <= 4; n++ {
		write(t, k.w, n, 10)
		last = &generation{number: n, from: int64(n) * 1e9, to: int64(n+1) * 1e9}
		last.history.notes = []string{"a note"}
		if n == 4 {
			req := &dumpRequest{reason: "trigger", condition: "x", ts: 4e9, since: 3e9 + 1, merged: 2}
			last.dumps = []*dumpRequest{req, req}
		}
		if err := k.finish(last); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(d.dir, "*"))
	if err != nil || len(names) != 2 || filepath.Base(names[0]) != "19700101T000004.000Z-trigger" ||
		filepath.Base(names[1]) != "19700101T000004.001Z-trigger" {
		t.Fatalf("%v %v", names, err)
	}
	for _, name := range names {
		c, err := format.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		m := c.Manifest
		if !m.Complete || m.Dump == nil || m.Dump.Condition != "x" || m.Dump.Reason != "trigger" ||
			m.Dump.TS.UnixNano() != 4e9 {
			t.Errorf("%+v", m)
		}
		if got := strings.Join(m.Notes, ", "); !strings.HasPrefix(got, "a note, ") {
			t.Errorf("notes: %s", got)
		}
		if rows := c.Table("syscall").Rows; rows != 20 {
			t.Errorf("%d rows, want those of generations 3 and 4", rows)
		}
	}
	d.dir = filepath.Join(d.dir, "missing")
	d.dump(&dumpRequest{reason: "sigusr2", ts: 1}, last, last)
	if d.failed != 1 || d.err == nil || len(d.dumps) != 2 {
		t.Errorf("%d failed, %d made", d.failed, len(d.dumps))
	}
}

// The newest dumps are kept, counting those of earlier recorders. The oldest is removed when a newer one is complete,
// not when one failed. What is not a dump, or contains anything else, is never removed.
func TestOldDumpsAreRemoved(t *testing.T) {
	k := newTestKeeper(t, 0, format.WriterOptions{})
	defer k.close()
	d := k.dumper
	dir := d.dir
	const removing, first, foreign, noDump = "20260101T000000.000Z-end.old", "20260101T000000.001Z-interrupted",
		"20260101T000000.002Z-trigger", "other"
	for _, name := range []string{removing, first, foreign, noDump} {
		makeDump(t, filepath.Join(dir, name))
	}
	// These have the names of dumps, and are none.
	const plain, plainRemoved, empty = "20260101T000000.000Z-end", "20251231T000000.000Z-end.old",
		"20251231T000000.000Z-trigger"
	makeCapture(t, filepath.Join(dir, plain))
	makeCapture(t, filepath.Join(dir, plainRemoved))
	if err := os.Mkdir(filepath.Join(dir, empty), 0o700); err != nil {
		t.Fatal(err)
	}
	const emptied = "20251231T000000.001Z-end.old" // its removal was interrupted
	if err := os.Mkdir(filepath.Join(dir, emptied), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, foreign, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.keep, d.existing = 2, dumpsIn(t, dir)
	want := func(what string, names ...string) {
		t.Helper()
		got := slices.DeleteFunc(entries(t, dir), func(name string) bool { return name == WindowName })
		names = append([]string{plainRemoved, empty}, names...)
		if !slices.Equal(got, names) {
			t.Errorf("after %s the directory has %v, want %v", what, got, names)
		}
	}
	dump := func(n int, dir string) {
		t.Helper()
		d.dir = dir
		write(t, k.w, n, 1)
		at := int64(n)
		q := &dumpRequest{reason: "end", ts: 1767312000e9 + at*1e9, since: at}
		if err := k.finish(&generation{number: n, to: at, dumps: []*dumpRequest{q}}); err != nil {
			t.Fatal(err)
		}
	}
	failures := func() string { return strings.Join(d.observer.(*fakeObserver).failed, "\n") }
	dump(1, filepath.Join(dir, "missing"))
	want("a dump that failed", emptied, plain, removing, first, foreign, noDump)
	dump(2, dir)
	want("the first dump", plain, foreign, "20260102T000002.000Z-end", noDump)
	if strings.Contains(failures(), "removing") {
		t.Errorf("reported: %s", failures())
	}
	dump(3, dir)
	want("the second dump", plain, foreign, "20260102T000002.000Z-end", "20260102T000003.000Z-end", noDump)
	refusal := "removing dump " + filepath.Join(dir, foreign) + ": file already exists: it holds \"notes.txt\""
	if !strings.Contains(failures(), refusal) {
		t.Errorf("reported: %s", failures())
	}
	dump(4, dir)
	want("the third dump", plain, foreign, "20260102T000003.000Z-end", "20260102T000004.000Z-end", noDump)
	if len(d.dumps) != 3 || !d.dumps[0].Removed || d.dumps[1].Removed || strings.Count(failures(), "removing") != 1 {
		t.Errorf("made %+v; reported: %s", d.dumps, failures())
	}
}

// makeCapture makes a capture that no flight recorder made.
func makeCapture(t *testing.T, path string) {
	t.Helper()
	makeWith(t, path, format.Manifest{})
}

// makeDump makes a capture with the manifest of a dump.
func makeDump(t *testing.T, path string) {
	t.Helper()
	makeWith(t, path, format.Manifest{Dump: &format.Dump{Reason: "end"}})
}

func makeWith(t *testing.T, path string, m format.Manifest) {
	t.Helper()
	w, err := format.Create(path, m, format.WriterOptions{})
	if err == nil {
		err = w.Close(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dumpsIn returns the dumps that openDirectory finds. The window is moved away meanwhile, or it would be renamed.
func dumpsIn(t *testing.T, dir string) []string {
	t.Helper()
	window := filepath.Join(dir, WindowName)
	elsewhere := filepath.Join(t.TempDir(), WindowName)
	if err := os.Rename(window, elsewhere); err != nil {
		t.Fatal(err)
	}
	there, err := openDirectory(dir, true)
	if err == nil {
		err = os.Rename(elsewhere, window)
	}
	if err != nil {
		t.Fatal(err)
	}
	return there.dumps
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}
