// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// directory is an open directory: all that a Writer does to the file system goes
// through one. Names are slash-separated and lie inside of it. The one of the
// operating system is osDirectory; tests have a simulated disk that fails.
type directory interface {
	// create creates a file, to be appended to.
	create(name string) (file, error)
	// open opens a file for reading, or a file or directory to sync it.
	open(name string) (file, error)
	// enter opens a directory inside, which must not be a symbolic link.
	enter(name string) (directory, error)
	mkdir(name string) error
	rename(from, to string) error
	// link makes a hard link to the file of the same name in from.
	link(from directory, name string) error
	remove(name string) error
	lstat(name string) (fs.FileInfo, error)
	close() error
}

// file is an open file of a directory.
type file interface {
	io.ReadWriteCloser
	Truncate(size int64) error
	Sync() error
}

func syncFile(in directory, name string) error {
	f, err := in.open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// enterParent opens the directory of the last element of path, and returns that
// element, which need not exist.
func enterParent(path string, opt *WriterOptions) (parent directory, name string, err error) {
	for len(path) > 1 && os.IsPathSeparator(path[len(path)-1]) {
		path = path[:len(path)-1]
	}
	dir, name := filepath.Split(path)
	if name == "" || name == "." || name == ".." {
		return nil, "", &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	if opt.Parent != nil {
		return sharedDirectory{osDirectory{opt.Parent}}, name, nil
	}
	open := opt.openDirectory
	if open == nil {
		open = openOSDirectory
	}
	parent, err = open(trimEnd(cmp.Or(dir, ".")))
	return parent, name, err
}

// sharedDirectory is a directory that its owner closes.
type sharedDirectory struct{ directory }

func (sharedDirectory) close() error { return nil }

// trimEnd removes trailing separators and "." elements from a path, which would
// stand in the errors about files in it. filepath.Clean would also remove "x/..",
// which leads elsewhere if x is a symbolic link.
func trimEnd(path string) string {
	for n := len(path) - 1; n > 0; n = len(path) - 1 {
		switch {
		case os.IsPathSeparator(path[n]) && path != filepath.VolumeName(path)+path[n:]:
			path = path[:n]
		case path[n] == '.' && os.IsPathSeparator(path[n-1]):
			path = path[:n]
		default:
			return path
		}
	}
	return path
}
