// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// dumps writes a recording of eight generations, each with a loss of ten calls, and dumps of it that overlap: 1 to 4,
// 3 to 6 and 8.
func dumps(t *testing.T) (first, second, last string) {
	t.Helper()
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "window"), generationManifest, WriterOptions{})
	must(t, err)
	for n := 1; n <= 8; n++ {
		must(t, appendGeneration(w, n))
		loss := NewBatch(LossSchema)
		must(t, loss.AppendRow(map[string]any{"ts": int64(n), "family": "syscall", "count": int64(10)}))
		loss.Generation = n
		must(t, w.Append(loss, Zstd))
		must(t, w.Finish(n))
	}
	for name, span := range map[string][2]int{"first": {1, 4}, "second": {3, 6}, "last": {8, 8}} {
		must(t, w.Dump(filepath.Join(dir, name), span[0], span[1], func(m *Manifest) {
			m.Dump = &Dump{Reason: name}
			m.Changes = []Change{{TS: time.Unix(1700000000, 0).UTC(), What: "cpu"},
				{TS: time.Unix(1700000000+int64(span[1]), 0).UTC(), What: name}}
			syscall := m.Tables["syscall"]
			syscall.Lost += 3 // that are in no row
			m.Tables["syscall"] = syscall
		}))
	}
	must(t, w.Close(nil))
	return filepath.Join(dir, "first"), filepath.Join(dir, "second"), filepath.Join(dir, "last")
}

// Overlapping dumps are read as one capture, in which each generation is once.
func TestUnion(t *testing.T) {
	first, second, last := dumps(t)
	a, b := open(t, first), open(t, second)
	if !SameRecording(a, b) {
		t.Fatal("dumps of one recording are of two")
	}
	for _, parts := range [][]*Capture{{a, b}, {b, a}, {b, a, b, a}} {
		u := Union(parts...)
		got := content(t, u)
		if len(got["loss"]) != 6 {
			t.Errorf("%d rows of losses, not 6", len(got["loss"]))
		}
		delete(got, "loss")
		if want := generations(1, 6); !reflect.DeepEqual(got, want) {
			t.Errorf("%d and %d rows, not %d and %d", len(got["syscall"]), len(got["task"]), len(want["syscall"]),
				len(want["task"]))
		}
		m := u.Manifest
		if !m.Complete || m.ID != a.Manifest.ID || m.Start != a.Manifest.Start || m.End != b.Manifest.End ||
			len(u.Damage()) > 0 {
			t.Errorf("complete %v, id %s, %v to %v, damage %v", m.Complete, m.ID, m.Start, m.End, u.Damage())
		}
		if m.Tables["syscall"] != (TableInfo{120, 63, u.Table("syscall").Bytes, 6}) || m.Dump != nil ||
			len(m.Changes) != 3 {
			t.Errorf("tables %+v, dump %v, changes %v", m.Tables, m.Dump, m.Changes)
		}
		if got := u.Intervals(); len(got) != 1 || got[0] != (Interval{m.Start, m.End}) {
			t.Errorf("covers %v", got)
		}
	}
	// Between the second and the last there is a generation that neither has.
	c := open(t, last)
	u := Union(c, a, b)
	if got := u.Intervals(); len(got) != 2 || got[0] != (Interval{a.Manifest.Start, b.Manifest.End}) ||
		got[1] != (Interval{c.Manifest.Start, c.Manifest.End}) {
		t.Errorf("covers %v", got)
	}
	if n := u.Table("syscall").Rows; n != 140 {
		t.Errorf("%d rows, not 140", n)
	}
}

// A copy that was made while the capture was written, and one that lost a segment, add nothing and hide nothing.
func TestUnionOfCopies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "whole")
	w, err := Create(path, testManifest, WriterOptions{})
	must(t, err)
	must(t, w.Append(fill(NewBatch(syscallSchema), 5, 1), Zstd))
	early := path + "-early"
	must(t, os.CopyFS(early, os.DirFS(path)))
	must(t, w.Append(fill(NewBatch(syscallSchema), 7, 2), Zstd))
	must(t, w.Append(fill(NewBatch(pathSchema), 2, 2), Zstd))
	must(t, w.Close(nil))
	lacks := path + "-lacks"
	must(t, os.CopyFS(lacks, os.DirFS(path)))
	must(t, os.RemoveAll(filepath.Join(lacks, "path")))
	want := content(t, open(t, path))
	for _, paths := range [][]string{{path, early}, {early, path}, {path, path}, {lacks, path}, {early, lacks, path}} {
		var parts []*Capture
		for _, p := range paths {
			parts = append(parts, open(t, p))
		}
		if got := content(t, Union(parts...)); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %d and %d rows", paths, len(got["syscall"]), len(got["path"]))
		}
	}
	if err := os.Remove(filepath.Join(early, ManifestName)); err != nil {
		t.Fatal(err)
	}
	if c := open(t, early); c.Manifest.ID != open(t, path).Manifest.ID {
		t.Errorf("without a manifest the id is %q", c.Manifest.ID)
	}
}

// Before version 1.2 recordings have no id: they are the same if they began at the same time and look the same.
func TestSameRecordingWithoutID(t *testing.T) {
	write12 := func(name string, clock int64, seed uint64) string {
		path := filepath.Join(t.TempDir(), name)
		m := testManifest
		m.Clock = []Clock{{clock, clock}}
		w, err := Create(path, m, WriterOptions{})
		must(t, err)
		must(t, w.Append(fill(NewBatch(syscallSchema), 9, seed), Zstd))
		must(t, w.Close(nil))
		return path
	}
	openOld := func(path string) *Capture {
		c := open(t, path)
		c.Manifest.ID = ""
		return c
	}
	a := write12("a", 5, 1)
	for other, want := range map[string]bool{
		a: true, write12("same", 5, 1): true, write12("later", 6, 1): false, write12("other", 5, 2): false,
	} {
		if got := SameRecording(openOld(a), openOld(other)); got != want {
			t.Errorf("%s: %v", other, got)
		}
		if got := SameRecording(open(t, a), openOld(other)); got {
			t.Errorf("%s, and one with an id: %v", other, got)
		}
	}
	if SameRecording(open(t, a), open(t, write12("twin", 5, 1))) {
		t.Error("two ids are one recording")
	}
}

// Segments of another recording in the directory of a capture are not read.
func TestSegmentOfAnotherRecording(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, Zstd, fill(NewBatch(syscallSchema), 5, 1))
	write(t, b, Zstd, fill(NewBatch(syscallSchema), 7, 2))
	must(t, os.Rename(filepath.Join(b, "syscall/000001.arrow"), filepath.Join(a, "syscall/000002.arrow")))
	c := open(t, a)
	if c.Table("syscall").Rows != 5 || c.Manifest.Complete || !strings.Contains(errors.Join(c.Damage()...).Error(),
		"segment syscall/000002.arrow: corrupt capture: of another recording") {
		t.Errorf("%d rows, damage %v", c.Table("syscall").Rows, c.Damage())
	}
}

// The manifest has the checksums of all finished segments that are left, and Verify finds what changed.
func TestVerify(t *testing.T) {
	first, _, _ := dumps(t)
	path := filepath.Join(t.TempDir(), "x")
	w, err := Create(path, generationManifest, WriterOptions{})
	must(t, err)
	for n := 1; n <= 4; n++ {
		must(t, appendGeneration(w, n))
	}
	must(t, w.Finish(4))
	must(t, w.Drop(1))
	must(t, w.Close(nil))
	for _, p := range []string{first, path} {
		c := open(t, p)
		n := 0
		for _, table := range c.Tables() {
			n += len(table.Segments)
		}
		if got, problems := verified(t, c); problems != nil || got != n ||
			got != len(c.Manifest.SHA256) {
			t.Errorf("%d of %d segments, %d checksums: %v", got, n, len(c.Manifest.SHA256), problems)
		}
	}
	name := filepath.Join(path, "task/000003.arrow")
	data, err := os.ReadFile(name)
	must(t, err)
	data[len(data)/2] ^= 1
	must(t, os.WriteFile(name, data, 0o600))
	must(t, os.Remove(filepath.Join(path, "syscall/000004.arrow")))
	n, problems := verified(t, open(t, path))
	for _, want := range []Problem{{"syscall", "syscall/000004.arrow", 0, "is missing"},
		{"task", "task/000003.arrow", 0, "was changed: its SHA-256 is"}} {
		if n != 5 || !slices.ContainsFunc(problems, func(p Problem) bool {
			return p.Table == want.Table && p.Segment == want.Segment && strings.HasPrefix(p.Text, want.Text)
		}) {
			t.Errorf("%d segments, %+v lacks %+v", n, problems, want)
		}
	}
}

// verified returns how many segments are as they were written, and what is wrong.
func verified(t *testing.T, c *Capture) (segments int, problems []Problem) {
	t.Helper()
	v, err := c.Verify(t.Context(), nil)
	must(t, err)
	return v.Segments, v.Problems
}

// A selection says which of its fields this version does not know, unless they select nothing.
func TestSelection(t *testing.T) {
	m := testManifest
	m.Format = Current
	m.Selection = &Selection{Families: []string{"file"}, Comm: "nginx", PIDs: []int64{7}}
	data, err := m.encode()
	must(t, err)
	again, err := parseManifest(data)
	if err != nil || !reflect.DeepEqual(again.Selection, m.Selection) {
		t.Errorf("got %+v, %v", again.Selection, err)
	}
	again, err = parseManifest([]byte(`{"format": {"major": 1, "minor": 9}, "selection": {"comm": "x", "uid": [7],
		"strings": 80, "failed": true, "calls": [], "cgroup": "", "slower_ns": 0, "container": null, "data": 3,
		"newer": [7], "other": false}}`))
	kept := int64(80)
	want := &Selection{Comm: "x", Strings: &kept, UID: []uint32{7}, Failed: true, Calls: []string{}}
	if err == nil {
		want.Other = again.Selection.Other
	}
	if err != nil || !reflect.DeepEqual(again.Selection, want) ||
		!slices.Equal(again.Selection.Unknown(), []string{"newer"}) {
		t.Errorf("got %+v, %v", again.Selection, err)
	}
}

// Rows that are not selected are as if they were not there, whatever reads the table.
func TestSelect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	var batches []*Batch
	for seed := range uint64(5) {
		batches = append(batches, fill(NewBatch(processSchema), 100, seed))
	}
	write(t, path, Zstd, batches...)
	table := open(t, path).Table("process")
	for _, keep := range []func(pid int32) bool{
		func(pid int32) bool { return true }, func(pid int32) bool { return false },
		func(pid int32) bool { return pid%2 == 0 }, func(pid int32) bool { return pid > 1000 },
	} {
		var want [][]any
		for _, b := range batches {
			for i, row := range rows(b) {
				if keep(b.Column("pid").I32[i]) && b.Column("ppid").I32[i]%3 != 0 {
					want = append(want, row)
				}
			}
		}
		by := func(column string, keep func(n int32) bool) func(b *Batch, row int) bool {
			return func(b *Batch, row int) bool { return keep(b.Column(column).I32[row]) }
		}
		selected, err := table.Select(context.Background(), []string{"pid"}, by("pid", keep))
		must(t, err)
		selected, err = selected.Select(context.Background(), []string{"ppid"},
			by("ppid", func(n int32) bool { return n%3 != 0 }))
		must(t, err)
		var got [][]any
		sum := 0
		for _, block := range selected.Blocks() {
			var b Batch
			must(t, selected.Read(&b, block, nil))
			got = append(got, rows(&b)...)
			sum += block.Rows
		}
		if !reflect.DeepEqual(got, want) || selected.Rows != int64(len(want)) || sum != len(want) {
			t.Errorf("%d rows, Rows is %d and of the blocks %d, not %d", len(got), selected.Rows, sum, len(want))
		}
	}
	if table.Rows != 500 {
		t.Errorf("the table itself has %d rows left", table.Rows)
	}
}

// Columns that a capture lacks are 0 or empty, and the table says which of them were read.
func TestAddColumns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	write(t, path, Zstd, fill(NewBatch(pathSchema), 9, 1))
	table := open(t, path).Table("path")
	table.AddColumns(Column{"ino", Int64}, Column{"mntns", Int64}, Column{"flags", Int32})
	table.AddColumns(Column{"flags", Int32}, Column{"kind", String}, Column{"args", StringList},
		Column{"since", Timestamp})
	var b Batch
	for _, columns := range [][]string{{"path"}, {"path", "kind"}, {"flags"}, nil} {
		must(t, table.Read(&b, table.Blocks()[0], columns))
		if err := b.check(); err != nil || b.Rows != 9 {
			t.Fatalf("%v: %d rows: %v", columns, b.Rows, err)
		}
	}
	if got := rows(&b)[8][4:]; !reflect.DeepEqual(got, []any{int64(0), int32(0), "", []string{}, int64(0)}) {
		t.Errorf("got %v", got)
	}
	if got := table.AddedRead(); !slices.Equal(got, []string{"mntns", "flags", "kind", "args", "since"}) {
		t.Errorf("read %v", got)
	}
	table = open(t, path).Table("path")
	table.AddColumns(Column{"mntns", Int64}, Column{"flags", Int32})
	must(t, table.Scan(context.Background(), []string{"flags", "name"}, 2, func(int, *Batch) error { return nil }))
	if got := table.AddedRead(); !slices.Equal(got, []string{"flags"}) {
		t.Errorf("read %v", got)
	}
}
