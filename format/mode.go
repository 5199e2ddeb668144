// SPDX-License-Identifier: Apache-2.0

package format

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Mode returns the permissions of those who can read all of the capture now: a file
// that is made of it, with at most this mode, can be read by nobody else. The owner
// can always read and write; of a capture from a stream only the owner can.
func (c *Capture) Mode() fs.FileMode {
	mode := fs.FileMode(0o666)
	for _, part := range c.parts {
		mode &= part.Mode()
	}
	if c.parts == nil {
		mode &= modeOf(c.Path)
	}
	return mode | 0o600
}

// modeOf is Mode for the directory or tar at path.
func modeOf(path string) fs.FileMode {
	info, err := os.Stat(path)
	if path == "-" || err != nil {
		return 0
	}
	if !info.IsDir() {
		return info.Mode().Perm()
	}
	mode := throughDirectory(info)
	restrict := func(name string, of func(fs.FileInfo) fs.FileMode) {
		if info, err := os.Stat(filepath.Join(path, filepath.FromSlash(name))); err == nil {
			mode &= of(info)
		}
	}
	perm := func(info fs.FileInfo) fs.FileMode { return info.Mode().Perm() }
	restrict(ManifestName, perm)
	err = walkSegments(path, func(table, _, name string) error {
		restrict(table, throughDirectory)
		restrict(name, perm)
		return nil
	})
	if err != nil {
		return 0
	}
	return mode
}

// throughDirectory returns the permissions of those who can reach files in a directory.
func throughDirectory(info fs.FileInfo) (mode fs.FileMode) {
	for shift := 0; shift <= 6; shift += 3 {
		if info.Mode().Perm()>>shift&1 != 0 {
			mode |= 0o7 << shift
		}
	}
	return mode
}
