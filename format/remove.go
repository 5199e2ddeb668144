// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// RemovedSuffix is appended to the name of a dump while RemoveDump removes it.
const RemovedSuffix = ".old"

// RemoveDump removes the dump called name, or the window that a flight recorder left,
// in the directory that this capture is in. It is renamed first, with RemovedSuffix, so
// that a part of a dump never has its name; if it cannot be removed completely, call
// RemoveDump again with the new name. If name is no directory, is by its manifest no
// dump, or has anything in it that is not part of a capture, the error is fs.ErrExist,
// and nothing is changed.
func (w *Writer) RemoveDump(name string) error {
	parent := w.destination.parentDirectory()
	err := errors.ErrUnsupported // in a tar
	if parent != nil {
		base, removing := strings.CutSuffix(name, RemovedSuffix)
		err = removeFrom(parent, name, base+RemovedSuffix, func(root *os.Root) ([]string, error) {
			return dumpFiles(root, removing)
		})
	}
	if err != nil {
		return fmt.Errorf("removing dump %s: %w", filepath.Join(w.parentPath, name), err)
	}
	return nil
}

// removeFrom renames a capture to newName, and removes it. What is removed was seen
// to be a capture through the same open directory: if it was exchanged for something
// else since then, only an empty directory of its name is removed there.
// check returns its files, or why it may not be removed.
func removeFrom(parent directory, name, newName string, check func(*os.Root) ([]string, error)) error {
	inside, err := parent.enter(name)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	defer inside.close()
	root := inside.(osDirectory).Root
	names, err := check(root)
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

// CheckReplaceable returns an error, fs.ErrExist or one of the file system, unless an
// open directory is what WriterOptions.Force replaces.
func CheckReplaceable(root *os.Root) error {
	_, err := replaceable(root)
	return err
}

// IsFlight reports whether an open directory has the manifest of a dump of a flight
// recorder or of its window, as far as a killed recorder has written it. It may have
// other files too.
func IsFlight(root *os.Root) bool {
	for _, name := range []string{ManifestName, manifestTemp} {
		data, err := readSmall(root, name)
		if err != nil {
			continue
		}
		if m, err := parseManifest(data); err == nil {
			return m.isFlight()
		}
	}
	return false
}

// IsEmpty reports whether an open directory has nothing in it, or what a recorder
// leaves that was killed before it wrote its first manifest.
func IsEmpty(root *os.Root) bool {
	_, found, err := evidenceOf(root)
	return err == nil && found.empty
}

// replaceable returns the files of a directory that is a capture, or that has nothing
// in it and belongs to this user, who loses nothing with it.
func replaceable(root *os.Root) (names []string, err error) {
	names, found, err := evidenceOf(root)
	if err == nil && found.empty {
		err = checkOwned(root.Stat("."))
	}
	return names, err
}

// dumpFiles returns the files of a directory that a flight recorder has made.
// removing: it was removed already, as far as its removal got.
func dumpFiles(root *os.Root, removing bool) (names []string, err error) {
	names, found, err := evidenceOf(root)
	if err == nil && !found.flight && !(found.empty && removing) {
		err = fmt.Errorf("%w: it is not a dump, by its %s", fs.ErrExist, ManifestName)
	}
	return names, err
}

// captureFiles returns the files and directories of a capture in the order in which
// they can be removed, the manifest last. It is an error if there is anything else.
func captureFiles(root *os.Root) (names []string, err error) {
	var manifest []string
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case e.Type().IsRegular() && name == ManifestName:
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
	return append(names, manifest...), nil
}

var errNoFile = errors.New("not a file")

// openRegular opens a file to read it, and nothing else that may have its name: to
// open a pipe could take for ever.
func openRegular(root *os.Root, name string) (f *os.File, size int64, err error) {
	if f, err = root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, errNoFile)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// readSmall reads a file, of one that is too long for a manifest only the beginning.
func readSmall(root *os.Root, name string) ([]byte, error) {
	f, _, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxManifest+1))
}

// checkOwned returns an error unless something empty belongs to this user.
func checkOwned(info fs.FileInfo, err error) error {
	if err == nil && !owned(info) {
		err = fmt.Errorf("%w: it is empty and belongs to another user", fs.ErrExist)
	}
	return err
}

// removeTar removes a tar that is a capture, if it exists.
func removeTar(parent directory, name string) error {
	info, err := parent.lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: it is not a file", fs.ErrExist)
	}
	if err == nil {
		err = checkTar(parent, name, info)
	}
	if err != nil {
		return err
	}
	return parent.remove(name)
}

// checkTar returns an error unless a file is a tar of a capture. info is that of
// what was found under its name.
func checkTar(parent directory, name string, info fs.FileInfo) error {
	file, err := parent.open(name)
	if err != nil {
		return fmt.Errorf("%w, and cannot be read to see whether it is a capture: %w", fs.ErrExist, err)
	}
	defer file.Close()
	f := file.(*os.File)
	opened, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !os.SameFile(info, opened):
		return fmt.Errorf("%w: it was exchanged for another file meanwhile", fs.ErrExist)
	case opened.Size() == 0:
		return checkOwned(opened, nil)
	}
	_, err = evidenceOfTar(f, opened.Size())
	return err
}
