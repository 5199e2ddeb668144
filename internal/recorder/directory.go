//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fletch-trace/fletch/format"
)

// WindowName is the rolling capture of a flight recorder, in its directory beside the dumps.
const WindowName = "window"

// A directory is a flight recorder's: of its window and dumps.
type directory struct {
	path  string
	made  bool     // it was not there before
	dumps []string // the names of those that were, in any order
}

// openDirectory makes the directory of a flight recorder, or goes on in one that is there, with force. What an earlier
// recorder left there unfinished is kept, under names that end in -interrupted: its window, and a dump that it was
// making.
func openDirectory(path string, force bool, uid, gid int) (*directory, error) {
	d := &directory{path: path}
	switch err := os.Mkdir(path, 0o700); {
	case err == nil:
		d.made = true
		if uid > 0 || gid > 0 {
			if err := os.Lchown(path, uid, gid); err != nil {
				return nil, errors.Join(fmt.Errorf("creating %s: %w", path, err), os.Remove(path))
			}
		}
	case errors.Is(err, fs.ErrExist) && force:
		if err := d.reopen(); err != nil {
			return nil, fmt.Errorf("going on in %s: %w", path, err)
		}
	case errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("creating %s: %w", path, fs.ErrExist)
	default:
		return nil, fmt.Errorf("creating %s: %w", path, err)
	}
	return d, nil
}

// reopen makes a directory ready that was there before.
func (d *directory) reopen() error {
	if _, err := os.Lstat(filepath.Join(d.path, format.ManifestName)); err == nil {
		return fmt.Errorf("%w, and is a capture itself", fs.ErrExist)
	}
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		switch unfinished, is := strings.CutSuffix(name, ".new"); {
		case name == WindowName:
			info, err := e.Info()
			if err != nil {
				return err
			}
			name = dumpName(info.ModTime(), interrupted)
		case is && dumpNames.MatchString(unfinished):
			name = unfinished + "-" + interrupted
		}
		if name != e.Name() {
			if err := os.Rename(filepath.Join(d.path, e.Name()), filepath.Join(d.path, name)); err != nil {
				return err
			}
		}
		if dumpNames.MatchString(name) {
			d.dumps = append(d.dumps, name)
		}
	}
	return nil
}

// undo takes back what openDirectory made.
func (d *directory) undo() error {
	if d == nil || !d.made {
		return nil
	}
	return os.Remove(d.path)
}
