// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"io"
	"io/fs"
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
	chown(name string, uid, gid int) error
	close() error
}

// file is an open file of a directory.
type file interface {
	io.ReadWriteCloser
	Truncate(size int64) error
	Sync() error
	Chown(uid, gid int) error
}

func syncFile(in directory, name string) error {
	f, err := in.open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
