// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// osDirectory is a directory of the operating system. It is an os.Root: the program
// may run as root in a directory of another user, and must not follow symbolic links
// that this user makes there.
type osDirectory struct{ *os.Root }

// openOSDirectory opens the directory at path, following symbolic links.
func openOSDirectory(path string) (directory, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return osDirectory{root}, nil
}

// opened converts a result of package os: with an error the file is a nil interface,
// not an interface of a nil pointer.
func opened(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d osDirectory) create(name string) (file, error) {
	return opened(d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600))
}

func (d osDirectory) open(name string) (file, error) { return opened(d.Open(name)) }

func (d osDirectory) enter(name string) (directory, error) {
	root, err := d.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	inside, err := root.Stat(".")
	if err == nil {
		var outside fs.FileInfo
		if outside, err = d.Lstat(name); err == nil && !os.SameFile(inside, outside) {
			err = &fs.PathError{Op: "open", Path: name, Err: errors.New("is a symbolic link")}
		}
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return osDirectory{root}, nil
}

func (d osDirectory) mkdir(name string) error { return d.Mkdir(name, 0o700) }

func (d osDirectory) rename(from, to string) error { return d.Rename(from, to) }

func (d osDirectory) remove(name string) error { return d.Remove(name) }

func (d osDirectory) lstat(name string) (fs.FileInfo, error) { return d.Lstat(name) }

func (d osDirectory) close() error { return d.Close() }

func (d osDirectory) link(from directory, name string) error {
	dir, base := path.Split(name)
	dir = path.Join(".", dir)
	source, err := from.(osDirectory).Open(dir)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := d.Open(dir)
	if err != nil {
		return err
	}
	defer target.Close()
	if err := linkat(source, target, base); err != nil {
		from, to := filepath.Join(source.Name(), base), filepath.Join(target.Name(), base)
		return &os.LinkError{Op: "link", Old: from, New: to, Err: err}
	}
	return nil
}
