//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// WindowName is the rolling capture of a flight recorder, in its directory beside the dumps.
const WindowName = "window"

// A directory is a flight recorder's directory, with its window and its dumps.
type directory struct {
	path    string
	created bool     // openDirectory created it
	dumps   []string // names of the dumps that were there when it was opened, in any order
}

// openDirectory creates the directory of a flight recorder; with force it continues in an existing one. Unfinished
// captures of an earlier recorder (its window, a dump that was being written) are renamed to ...-interrupted.
// Without force the error for an existing path is fs.ErrExist.
func openDirectory(path string, force bool, uid, gid int) (*directory, error) {
	d := &directory{path: path}
	switch err := os.Mkdir(path, 0o700); {
	case err == nil:
		d.created = true
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

// reopen prepares an existing directory: it renames unfinished captures and lists the dumps.
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
		switch base, isUnfinished := strings.CutSuffix(name, ".new"); {
		case name == WindowName:
			info, err := e.Info()
			if err != nil {
				return err
			}
			name = dumpName(info.ModTime(), interrupted)
		case isUnfinished && dumpNames.MatchString(base):
			name = base + "-" + interrupted
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

// undo removes the directory if openDirectory created it. It does nothing on nil.
func (d *directory) undo() error {
	if d == nil || !d.created {
		return nil
	}
	return os.Remove(d.path)
}

// interrupted is the reason in the name of a capture that an earlier recorder left unfinished.
const interrupted = "interrupted"

// dumpNames matches what dumpName returns, also with the suffixes of a dump that was unfinished or is being removed.
var dumpNames = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-(sigusr2|trigger|end|` + interrupted + `)` +
	`(-` + interrupted + `)?(` + regexp.QuoteMeta(format.RemovedSuffix) + `)?$`)

// dumpName is the name of a dump: the time (UTC) of the event or signal, and the reason.
func dumpName(at time.Time, reason string) string {
	return at.UTC().Format("20060102T150405.000Z") + "-" + reason
}
