// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/fixture"
)

// openFamilies opens a capture that has rows in every table.
func openFamilies(t *testing.T) capture.Set {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture")
	if err := fixture.Families().Write(path, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	set, err := capture.Open(t.Context(), []string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestEachFormatWritesAFileForEachTable(t *testing.T) {
	set := openFamilies(t)
	for _, f := range Formats() {
		dir := t.TempDir()
		job := &Job{Captures: set, Format: Lookup(f.Name), Dir: filepath.Join(dir, "out")}
		if err := job.Run(t.Context()); err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		var want []string
		for _, name := range tableNames(set) {
			want = append(want, name+"."+f.Extension)
		}
		if got := names(t, job.Dir); !slices.Equal(got, want) {
			t.Errorf("%s: files %q, want %q", f.Name, got, want)
		}
		if got := names(t, dir); !slices.Equal(got, []string{"out"}) {
			t.Errorf("%s: %q beside the output", f.Name, got)
		}
	}
	if len(Formats()) < 4 || Lookup("unknown") != nil {
		t.Errorf("formats are %v", Formats())
	}
}

// failing is a format that fails to write the second file.
type failing struct {
	err   error
	files int
}

func (f *failing) Describe() Description { return Description{Name: "failing", Extension: "x"} }

func (f *failing) Write(w io.Writer, t *Table) error {
	if f.files++; f.files == 2 {
		return f.err
	}
	_, err := io.WriteString(w, "whole")
	return err
}

func TestNoFilesAfterAnError(t *testing.T) {
	f := &failing{err: errors.New("disk is full")}
	dir := t.TempDir()
	job := &Job{Captures: openFamilies(t), Format: f, Dir: filepath.Join(dir, "out")}
	if err := job.Run(t.Context()); !errors.Is(err, f.err) {
		t.Errorf("got %v", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left %q", got)
	}
}
