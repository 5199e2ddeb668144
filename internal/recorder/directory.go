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

	"golang.org/x/sys/unix"

	"github.com/fletch-trace/fletch/format"
)

// WindowName is the rolling capture of a flight recorder, in its directory beside the dumps.
const WindowName = "window"

// A directory is a flight recorder's directory, with its window and its dumps. It is used only through open handles: it
// may be in a directory where another user exchanges names.
type directory struct {
	path    string
	root    *os.Root
	parent  *os.Root // that it is in
	lock    *os.File // the directory, locked against a second recorder
	created bool     // openDirectory created it
	dumps   []string // names of the dumps that were there when it was opened, by their manifests, in any order
}

// openDirectory creates the directory of a flight recorder; with force it continues in one that a flight recorder has
// made. Unfinished captures of an earlier recorder (its window, a dump that was being written) are renamed to
// ...-interrupted. Without force the error for an existing path is fs.ErrExist.
func openDirectory(path string, force bool) (d *directory, err error) {
	d = &directory{path: filepath.Clean(path)}
	if d.parent, err = os.OpenRoot(filepath.Dir(d.path)); err != nil {
		return nil, fmt.Errorf("creating %s: %w", path, err)
	}
	what := "creating"
	err = d.parent.Mkdir(d.name(), 0o700)
	d.created = err == nil
	if d.created || errors.Is(err, fs.ErrExist) && force {
		if !d.created {
			what = "going on in"
		}
		if err = d.enter(); err == nil && !d.created {
			err = d.reopen()
		}
	} else if errors.Is(err, fs.ErrExist) {
		err = fs.ErrExist
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s %s: %w", what, path, err), d.undo())
	}
	return d, nil
}

// name is the directory's name in parent.
func (d *directory) name() string { return filepath.Base(d.path) }

// enter opens the directory, which must not be a symbolic link.
func (d *directory) enter() error {
	info, err := d.parent.Lstat(d.name())
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%w, and is no directory", fs.ErrExist)
	}
	if err != nil {
		return err
	}
	root, err := d.parent.OpenRoot(d.name())
	if err != nil {
		return err
	}
	d.root = root
	inside, err := root.Stat(".")
	if err == nil && !os.SameFile(info, inside) {
		err = fmt.Errorf("%w, and was exchanged for another directory meanwhile", fs.ErrExist)
	}
	if err == nil {
		err = d.lockIt()
	}
	return err
}

// lockIt locks the directory until it is closed or the recorder ends. The error is fs.ErrExist if another one has it; a
// file system without locks is not locked.
func (d *directory) lockIt() (err error) {
	if d.lock, err = d.root.Open("."); err != nil {
		return err
	}
	if err := unix.Flock(int(d.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w, and another recorder is running in it", fs.ErrExist)
	}
	return nil
}

// reopen prepares an existing directory: it renames unfinished captures and lists the dumps. What no flight recorder
// made, by its manifest, it leaves alone.
func (d *directory) reopen() error {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err == nil {
		err = d.check(entries)
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		isFlight := d.isFlight(name)
		switch base, isUnfinished := strings.CutSuffix(name, ".new"); {
		case name == WindowName:
			if name, err = d.windowsName(e, isFlight); err != nil {
				return err
			}
		case isUnfinished && isFlight:
			name = base + "-" + interrupted
		}
		if name != e.Name() {
			if err := d.root.Rename(e.Name(), name); err != nil {
				return err
			}
		}
		removed := strings.HasSuffix(name, format.RemovedSuffix) && d.inside(name, format.IsEmpty)
		if dumpNames.MatchString(name) && (isFlight || removed) {
			d.dumps = append(d.dumps, name)
		}
	}
	return nil
}

// windowsName returns the name of a dump for an existing window, in whose place the recorder creates its own.
func (d *directory) windowsName(e fs.DirEntry, isFlight bool) (string, error) {
	info, err := e.Info()
	if err == nil && !isFlight && !d.inside(e.Name(), format.IsEmpty) {
		err = fmt.Errorf("%w, and %s in it is of no flight recorder", fs.ErrExist, WindowName)
	}
	if err != nil {
		return "", err
	}
	return dumpName(info.ModTime(), interrupted), nil
}

// isFlight reports whether an entry of the directory has a name and the manifest of a window or a dump.
func (d *directory) isFlight(name string) bool {
	if base := strings.TrimSuffix(name, ".new"); base != WindowName && !dumpNames.MatchString(base) {
		return false
	}
	return d.inside(name, format.IsFlight)
}

// inside returns what is says of an entry of the directory, false if that is no directory.
func (d *directory) inside(name string, is func(*os.Root) bool) bool {
	root, err := d.root.OpenRoot(name)
	if err != nil {
		return false
	}
	defer root.Close()
	return is(root)
}

// check returns an error unless a flight recorder made the directory, or it is an empty one of this user, as a killed
// recorder leaves it, and a user who takes the dumps away.
func (d *directory) check(entries []fs.DirEntry) error {
	if len(entries) == 0 {
		return format.CheckReplaceable(d.root)
	}
	for _, e := range entries {
		if e.Name() == format.ManifestName {
			return fmt.Errorf("%w, and is a capture itself", fs.ErrExist)
		}
	}
	for _, e := range entries {
		if d.isFlight(e.Name()) {
			return nil
		}
	}
	return fmt.Errorf("%w, and no flight recorder made it: none is named in the %s of a %s or a dump in it",
		fs.ErrExist, format.ManifestName, WindowName)
}

// close closes the handles. It does nothing on nil.
func (d *directory) close() error {
	if d == nil {
		return nil
	}
	var errs []error
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	for _, root := range []*os.Root{d.root, d.parent} {
		if root != nil {
			errs = append(errs, root.Close())
		}
	}
	return errors.Join(errs...)
}

// undo removes the directory if openDirectory created it, and closes it. It does nothing on nil.
func (d *directory) undo() error {
	if d == nil {
		return nil
	}
	var err error
	if d.created {
		err = d.parent.Remove(d.name())
	}
	return errors.Join(err, d.close())
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
