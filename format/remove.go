// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
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
		err = removeFrom(parent, name, strings.TrimSuffix(name, RemovedSuffix)+RemovedSuffix, anybodys)
	}
	if err != nil {
		return fmt.Errorf("removing capture %s: %w", filepath.Join(w.parentPath, name), err)
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

// IsCapture reports whether an open directory is a capture, as far as a killed
// recorder has written it. It may have other files too.
func IsCapture(root *os.Root) bool {
	for _, name := range []string{ManifestName, manifestTemp} {
		if f, err := openRegular(root, name); err == nil {
			is, _ := holdsCapture(f, name)
			f.Close()
			if is {
				return true
			}
		}
	}
	return CheckReplaceable(root) == nil
}

// replaceable returns the files of a directory that is a capture, or that has nothing
// in it and belongs to this user, who loses nothing with it.
func replaceable(root *os.Root) (names []string, err error) {
	names, empty, err := contents(root)
	if err == nil && empty {
		err = checkOwned(root.Stat("."))
	}
	return names, err
}

// anybodys is like replaceable, whoever the directory belongs to.
func anybodys(root *os.Root) (names []string, err error) {
	names, _, err = contents(root)
	return names, err
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

// contents returns captureFiles. It is an error unless these are a capture by their
// content, as far as a killed recorder has written it: there is a manifest or, if
// that is damaged, a segment. Empty is what has neither, nor anything else: the
// recorder had not begun to write its first manifest.
func contents(root *os.Root) (names []string, empty bool, err error) {
	if names, err = captureFiles(root); err != nil {
		return nil, false, err
	}
	empty = true
	for _, name := range names {
		f, err := openRegular(root, name)
		if errors.Is(err, errNoFile) { // the directory of a table
			empty = false
			continue
		}
		if err != nil {
			return nil, false, err
		}
		holds, err := holdsCapture(f, path.Base(name))
		f.Close()
		if holds {
			return names, false, nil
		}
		empty = empty && err == io.EOF && name == manifestTemp
	}
	if !empty {
		err = fmt.Errorf("%w: it is not a capture, having no %s", fs.ErrExist, ManifestName)
	}
	return names, empty, err
}

var errNoFile = errors.New("not a file")

// openRegular opens a file to read it, and nothing else that may have its name: to
// open a pipe could take for ever.
func openRegular(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, errNoFile)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// holdsCapture reports whether a file of this name is a manifest or a segment by its
// content. The error is io.EOF for an empty file.
func holdsCapture(f *os.File, name string) (bool, error) {
	if name != ManifestName && name != manifestTemp {
		start := make([]byte, len(magic))
		_, err := io.ReadFull(f, start)
		return string(start) == magic, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(data) == 0 {
		err = io.EOF
	}
	return isManifest(data), err
}

// isManifest reports whether data is a manifest, also one that is too new to be read.
func isManifest(data []byte) bool {
	_, err := parseManifest(data)
	return err == nil || errors.Is(err, ErrVersion)
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
	manifest, _, _, err := readTar(f, opened.Size())
	if err != nil || !isManifest(manifest) {
		return fmt.Errorf("%w: it is not a capture, having no %s", fs.ErrExist, ManifestName)
	}
	return nil
}
