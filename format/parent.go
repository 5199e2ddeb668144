// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
)

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
	open := opt.openDirectory
	if open == nil {
		open = openOSDirectory
	}
	parent, err = open(trimEnd(cmp.Or(dir, ".")))
	return parent, name, err
}

// trimEnd removes trailing separators and "." elements from a path, because errors
// about files in it show them. filepath.Clean would remove symbolic links before
// ".." as well.
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
