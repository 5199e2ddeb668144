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
// may run as root in a directory that it gave to a user, and must not follow
// symbolic links that this user makes there.
type osDirectory struct{ *os.Root }

// openOSDirectory opens the directory at path, following symbolic links.
func openOSDirectory(path string) (directory, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return osDirectory{root}, nil
}

// opened returns a nil interface if f is nil.
func opened(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f osDirectory) create(name string) (file, error) {
	return opened(f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600))
}

func (f osDirectory) open(name string) (file, error) { return opened(f.Open(name)) }

func (f osDirectory) enter(name string) (directory, error) {
	root, err := f.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	inside, err := root.Stat(".")
	if err == nil {
		var outside fs.FileInfo
		if outside, err = f.Lstat(name); err == nil && !os.SameFile(inside, outside) {
			err = &fs.PathError{Op: "open", Path: name, Err: errors.New("is a symbolic link")}
		}
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return osDirectory{root}, nil
}

func (f osDirectory) mkdir(name string) error { return f.Mkdir(name, 0o700) }

func (f osDirectory) rename(from, to string) error { return f.Rename(from, to) }

func (f osDirectory) remove(name string) error { return f.Remove(name) }

func (f osDirectory) lstat(name string) (fs.FileInfo, error) { return f.Lstat(name) }

func (f osDirectory) chown(name string, uid, gid int) error { return f.Lchown(name, uid, gid) }

func (f osDirectory) close() error { return f.Close() }

func (f osDirectory) link(from directory, name string) error {
	dir, base := path.Split(name)
	dir = path.Join(".", dir)
	there, err := from.(osDirectory).Open(dir)
	if err != nil {
		return err
	}
	defer there.Close()
	here, err := f.Open(dir)
	if err != nil {
		return err
	}
	defer here.Close()
	if err := linkat(there, here, base); err != nil {
		from, to := filepath.Join(there.Name(), base), filepath.Join(here.Name(), base)
		return &os.LinkError{Op: "link", Old: from, New: to, Err: err}
	}
	return nil
}
