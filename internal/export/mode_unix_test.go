//go:build unix

// SPDX-License-Identifier: Apache-2.0

package export

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/fletch-trace/fletch/internal/capture"
)

// Nobody can read the output who cannot read the captures, and the umask is respected.
func TestOutputHasTheModesOfItsCaptures(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	for _, c := range []struct {
		file, dir, umask, wantFile, wantDir fs.FileMode
	}{
		{0o600, 0o700, 0o022, 0o600, 0o700}, // as record makes them
		{0o644, 0o755, 0o022, 0o644, 0o755},
		{0o644, 0o755, 0o077, 0o600, 0o700},
		{0o644, 0o700, 0o022, 0o600, 0o700}, // nobody else gets to the files
		{0o640, 0o750, 0o000, 0o640, 0o750},
		{0o666, 0o777, 0o027, 0o640, 0o750},
		{0o400, 0o500, 0o022, 0o600, 0o700},
	} {
		set := openFamilies(t)
		chmodAll(t, set[0].Path, c.file, c.dir)
		syscall.Umask(int(c.umask))
		job := &Job{Captures: set, Format: Lookup("csv"), Dir: filepath.Join(t.TempDir(), "out")}
		err := job.Run(t.Context())
		chmodAll(t, set[0].Path, 0o600, 0o700) // so that it can be removed
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]fs.FileMode{
			filepath.Join(job.Dir, "task.csv"): c.wantFile, job.Dir: c.wantDir,
		} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("files %o in %o, umask %o: %s has mode %v, %v, want %o", c.file, c.dir, c.umask,
					filepath.Base(path), info.Mode(), err, want)
			}
		}
	}
}

// Of several captures the most private one decides, and one from a stream is its reader's alone.
func TestModeOfSeveralCaptures(t *testing.T) {
	public, private := openFamilies(t), openFamilies(t)
	chmodAll(t, public[0].Path, 0o644, 0o755)
	if got := modeOf(public); got != 0o644 {
		t.Errorf("of a public one: %o", got)
	}
	if got := modeOf(append(public, private...)); got != 0o600 {
		t.Errorf("of a public and a private one: %o", got)
	}
	if err := os.Chmod(filepath.Join(public[0].Path, "tcp", "000001.arrow"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := modeOf(public); got != 0o600 {
		t.Errorf("of one with a private segment: %o", got)
	}
	public[0].Path = "-"
	if got := modeOf(capture.Set{public[0]}); got != 0o600 {
		t.Errorf("of a stream: %o", got)
	}
}

// chmodAll sets the modes of the files and directories of a capture.
func chmodAll(t *testing.T, path string, file, dir fs.FileMode) {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, name)
			return os.Chmod(name, 0o700)
		}
		if err == nil {
			err = os.Chmod(name, file)
		}
		return err
	})
	for _, name := range dirs {
		if err == nil {
			err = os.Chmod(name, dir)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
