// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// RemovedSuffix is appended to the name of a capture while Remove removes it.
const RemovedSuffix = ".old"

// Remove removes the capture called name in the directory that this one is in, such
// as an old dump. It is renamed first, with RemovedSuffix, so that a part of a
// capture never has its name; if it cannot be removed completely, call Remove again
// with the new name. If name is no directory, or has anything in it that is not part
// of a capture, the error is fs.ErrExist, and nothing is changed.
func (w *Writer) Remove(name string) error {
	parent := w.destination.parentDirectory()
	err := errors.ErrUnsupported // in a tar
	if parent != nil {
		err = removeFrom(parent, name, strings.TrimSuffix(name, RemovedSuffix)+RemovedSuffix)
	}
	if err != nil {
		return fmt.Errorf("removing capture %s: %w", filepath.Join(w.parentPath, name), err)
	}
	return nil
}

// removeDirectory removes a capture or an empty directory, if it exists.
func removeDirectory(path string) error {
	parent, name, err := enterParent(path, &WriterOptions{})
	if err != nil {
		return err
	}
	defer parent.close()
	if err := removeFrom(parent, name, name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeFrom renames a capture or an empty directory to newName, and removes it.
func removeFrom(parent directory, name, newName string) error {
	inside, err := parent.enter(name)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	defer inside.close()
	root := inside.(osDirectory).Root
	names, err := captureFiles(root)
	if err != nil {
		return err
	}
	if newName != name {
		if err := parent.rename(name, newName); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	return parent.remove(newName)
}

// captureFiles returns the files and directories of a capture in the order in which
// they can be removed, the manifest last. It is an error if there is anything else.
func captureFiles(root *os.Root) (names []string, err error) {
	var manifest []string
	foreign := func(name string) error {
		return fmt.Errorf("%w: it holds %q, which is not part of a capture", fs.ErrExist, name)
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	removable := len(entries) == 0
	for _, e := range entries {
		switch name := e.Name(); {
		case e.Type().IsRegular() && name == ManifestName:
			removable = true
			manifest = append(manifest, name)
		case e.Type().IsRegular() && name == manifestTemp:
			names = append(names, name)
		case e.IsDir() && validName(name):
			segments, err := fs.ReadDir(root.FS(), name)
			if err != nil {
				return nil, err
			}
			for _, s := range segments {
				if _, _, ok := segmentName(name, s.Name()); !ok || !s.Type().IsRegular() {
					return nil, foreign(name + "/" + s.Name())
				}
				names = append(names, name+"/"+s.Name())
			}
			names = append(names, name)
		default:
			return nil, foreign(name)
		}
	}
	if !removable {
		return nil, fmt.Errorf("%w: it is not a capture, having no %s", fs.ErrExist, ManifestName)
	}
	return append(names, manifest...), nil
}
