// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"io"
	"io/fs"
)

// folder is all that a Writer does to a directory. Names are slash-separated and
// stay inside. Tests put one in between that fails.
type directory interface {
	// create creates a file, to be written at its end.
	create(name string) (file, error)
	// open opens a file to read, and a file or a directory to sync.
	open(name string) (file, error)
	// enter opens a directory that is not a symbolic link.
	enter(name string) (directory, error)
	mkdir(name string) error
	rename(from, to string) error
	// link makes the file of the same name in from a file here too.
	link(from directory, name string) error
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

func syncFile(in directory, name string) error {
	f, err := in.open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
