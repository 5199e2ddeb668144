//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// With force a flight recorder continues in a directory that one has made, as far as it got, and nowhere else.
func TestOpenDirectoryGoesOn(t *testing.T) {
	mkdir := func(t *testing.T, path string) {
		t.Helper()
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put := func(t *testing.T, path, text string) {
		t.Helper()
		mkdir(t, filepath.Dir(path))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const dump = "20260102T030405.678Z-end"
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		ok   bool
	}{
		{"empty", mkdir, true},
		{"window", func(t *testing.T, path string) { mkdir(t, path); makeDump(t, path+"/window") }, true},
		{"window that has hardly begun", func(t *testing.T, path string) {
			makeDump(t, path+".window")
			mkdir(t, path+"/window")
			err := os.Rename(path+".window/capture.json", path+"/window/capture.json.new")
			if err != nil {
				t.Fatal(err)
			}
		}, true},
		{"window that has not begun, and a dump", func(t *testing.T, path string) {
			mkdir(t, path+"/window")
			put(t, path+"/window/capture.json.new", "")
			makeDump(t, filepath.Join(path, dump))
		}, true},
		{"another window and a dump", func(t *testing.T, path string) {
			mkdir(t, path)
			makeCapture(t, path+"/window")
			makeDump(t, filepath.Join(path, dump))
		}, false},
		{"window that has not begun", func(t *testing.T, path string) { mkdir(t, path+"/window") }, false},
		{"capture called window", func(t *testing.T, path string) {
			mkdir(t, path)
			makeCapture(t, path+"/window")
		}, false},
		{"capture called as a dump", func(t *testing.T, path string) {
			mkdir(t, path)
			makeCapture(t, filepath.Join(path, dump))
		}, false},
		{"dump called otherwise", func(t *testing.T, path string) { mkdir(t, path); makeDump(t, path+"/mine") }, false},
		{"dump and notes", func(t *testing.T, path string) {
			mkdir(t, path)
			makeDump(t, filepath.Join(path, dump))
			put(t, filepath.Join(path, dump, "notes.txt"), "x")
			put(t, path+"/notes.txt", "x")
		}, true},
		{"unfinished dump", func(t *testing.T, path string) {
			mkdir(t, path)
			makeDump(t, filepath.Join(path, dump+".new"))
		}, true},
		{"empty dump", func(t *testing.T, path string) { mkdir(t, filepath.Join(path, dump)) }, false},
		{"dump that had not begun", func(t *testing.T, path string) {
			mkdir(t, filepath.Join(path, dump+".new"))
		}, false},
		{"capture", makeCapture, false},
		{"something else", func(t *testing.T, path string) { put(t, path+"/notes.txt", "x") }, false},
		{"another window", func(t *testing.T, path string) { put(t, path+"/window/geometry", "80x24") }, false},
		{"file called window", func(t *testing.T, path string) { put(t, path+"/window", "x") }, false},
		{"file", func(t *testing.T, path string) { put(t, path, "") }, false},
		{"link", func(t *testing.T, path string) {
			mkdir(t, path+".target")
			makeDump(t, path+".target/window")
			if err := os.Symlink(path+".target", path); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"empty directory of another user", func(t *testing.T, path string) {
			mkdir(t, path)
			if err := os.Chown(path, 54321, 54321); err != nil {
				t.Skipf("takes root: %v", err)
			}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "flight")
			test.make(t, path)
			if _, err := openDirectory(path, false); !errors.Is(err, fs.ErrExist) {
				t.Errorf("without force: %v", err)
			}
			d, err := openDirectory(path, true)
			if test.ok != (err == nil) || err != nil && !errors.Is(err, fs.ErrExist) {
				t.Errorf("with force: %v", err)
			}
			if err == nil {
				d.close()
				return
			}
			if _, err := os.Lstat(filepath.Join(path, format.ManifestName)); test.name == "capture" && err != nil {
				t.Error(err)
			}
		})
	}
}

// What openDirectory has made, undo removes, and nothing else of its name.
func TestOpenDirectoryUndo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flight")
	d, err := openDirectory(path, false)
	if err != nil {
		t.Fatal(err)
	}
	moved := path + ".moved"
	if err := errors.Join(os.Rename(path, moved), os.MkdirAll(path+"/of-another", 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := d.undo(); err == nil {
		t.Error("removed another directory")
	}
	for _, name := range []string{moved, path + "/of-another"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// Two flight recorders do not use one directory at the same time.
func TestDirectoryIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flight")
	first, err := openDirectory(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openDirectory(path, true); !errors.Is(err, fs.ErrExist) {
		t.Errorf("while it is in use: %v", err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	second, err := openDirectory(path, true)
	if err != nil {
		t.Fatalf("later: %v", err)
	}
	second.close()
}
