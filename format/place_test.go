// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
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
