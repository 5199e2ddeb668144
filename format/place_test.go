// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A capture that somebody removes while it is written is noticed, one that is moved is not removed.
func TestCheckPlace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be removed")
	}
	for _, test := range []struct {
		name, path string
		opt        WriterOptions
	}{
		{"directory", "in/c", WriterOptions{}},
		{"tar", "in/c.tar", WriterOptions{}},
		{"memory", "in/c", WriterOptions{Memory: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := filepath.Join(t.TempDir(), "in")
			if err := os.Mkdir(in, 0o700); err != nil {
				t.Fatal(err)
			}
			w, err := Create(filepath.Join(filepath.Dir(in), test.path), testManifest, test.opt)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close(nil)
			if err := w.Append(fill(NewBatch(syscallSchema), 5, 1), None); err != nil {
				t.Fatal(err)
			}
			moved := in + ".moved"
			if err := errors.Join(w.CheckPlace(), os.Rename(in, moved), w.CheckPlace()); err != nil {
				t.Errorf("it is there: %v", err)
			}
			if err := os.RemoveAll(moved); err != nil {
				t.Fatal(err)
			}
			if err := w.CheckPlace(); !errors.Is(err, ErrRemoved) {
				t.Errorf("it was removed: %v", err)
			}
		})
	}
}

// A segment that somebody removes while the capture is written is noticed, whether it is finished or not, and the
// capture is not complete. Segments that the Writer drops are not missed.
func TestCheckPlaceFindsSegments(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be removed")
	}
	for _, test := range []struct {
		name, remove string
		atEnd        bool // it is removed just before Close
	}{
		{"being written", "syscall/000040.arrow", false},
		{"finished", "syscall/000031.arrow", false},
		{"table", "process", false},
		{"at the end", "syscall/000033.arrow", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c")
			w, err := Create(path, generationManifest, WriterOptions{})
			must(t, err)
			for n := 1; n <= 40; n++ {
				must(t, w.Append(generationRows(syscallSchema, n), None))
				must(t, w.Append(generationRows(processSchema, n), None))
				if n < 40 {
					must(t, w.Finish(n))
				}
				must(t, w.Drop(n-10))
				must(t, w.CheckPlace())
			}
			must(t, os.RemoveAll(filepath.Join(path, test.remove)))
			for range 40 {
				err = errors.Join(err, w.CheckPlace())
				if test.atEnd {
					err = nil
					break
				}
			}
			if !test.atEnd && (!errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrRemoved)) {
				t.Errorf("before the end: %v", err)
			}
			if err := w.Close(nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), test.remove) {
				t.Errorf("closing: %v", err)
			}
			c, err := Open(path)
			must(t, err)
			defer c.Close()
			if c.Manifest.Complete || c.Table("syscall") == nil {
				t.Errorf("complete %v, tables %v", c.Manifest.Complete, c.Tables())
			}
		})
	}
}
