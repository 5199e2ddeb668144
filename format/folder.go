// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// folder is all that a Writer does to a directory. Names are slash-separated and
// stay inside. Tests put one in between that fails.
type folder interface {
	// create creates a file, to be written at its end.
	create(name string) (file, error)
	// open opens a file to read, and a file or a directory to sync.
	open(name string) (file, error)
	// enter opens a directory that is not a symbolic link.
	enter(name string) (folder, error)
	mkdir(name string) error
	rename(from, to string) error
	// link makes the file of the same name in from a file here too.
	link(from folder, name string) error
	remove(name string) error
	lstat(name string) (fs.FileInfo, error)
	chown(name string, uid, gid int) error
	close() error
}

// file is a file in a folder.
type file interface {
	io.ReadWriteCloser
	Truncate(size int64) error
	Sync() error
	Chown(uid, gid int) error
}

// rootFolder is a directory of the file system. What is done there goes through
// an os.Root: where the directory was given to a user, root must not follow a
// symbolic link that this user puts into it.
type rootFolder struct{ *os.Root }

// openFolder opens the directory at path; links are followed.
func openFolder(path string) (folder, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return rootFolder{root}, nil
}

func (f rootFolder) create(name string) (file, error) {
	return opened(f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600))
}

func (f rootFolder) open(name string) (file, error) { return opened(f.Open(name)) }

// opened keeps a nil *os.File from becoming a file.
func opened(f *os.File, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f rootFolder) enter(name string) (folder, error) {
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
	return rootFolder{root}, nil
}

func (f rootFolder) mkdir(name string) error                { return f.Mkdir(name, 0o700) }
func (f rootFolder) rename(from, to string) error           { return f.Rename(from, to) }
func (f rootFolder) remove(name string) error               { return f.Remove(name) }
func (f rootFolder) lstat(name string) (fs.FileInfo, error) { return f.Lstat(name) }
func (f rootFolder) chown(name string, uid, gid int) error  { return f.Lchown(name, uid, gid) }
func (f rootFolder) close() error                           { return f.Close() }

func (f rootFolder) link(from folder, name string) error {
	dir, base := path.Split(name)
	dir = path.Join(".", dir)
	there, err := from.(rootFolder).Open(dir)
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
		return &os.LinkError{Op: "link", Old: filepath.Join(there.Name(), base), New: filepath.Join(here.Name(), base), Err: err}
	}
	return nil
}
