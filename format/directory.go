// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// files are open files that are closed together.
type files []*os.File

func (f files) close() error {
	var errs []error
	for _, f := range f {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

func openDirectory(path string) (*Capture, error) {
	manifest, entries, open, err := readDirectory(path)
	if err != nil {
		open.close()
		return nil, fmt.Errorf("opening capture %s: %w", path, err)
	}
	return newCapture(path, manifest, entries, nil, open.close)
}

func readDirectory(path string) (manifest []byte, entries []entry, open files, err error) {
	manifest, err = readManifest(filepath.Join(path, ManifestName))
	if err != nil {
		return nil, nil, nil, err
	}
	err = walkSegments(path, func(table, number, name string) error {
		full := filepath.Join(path, filepath.FromSlash(name))
		// A pipe would be waited for and a device read from: files only.
		info, err := os.Stat(full)
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		f, err := os.Open(full)
		if err != nil {
			return err
		}
		open = append(open, f)
		entries = append(entries, entry{table, number, name, f, info.Size()})
		return nil
	})
	return manifest, entries, open, err
}

// walkSegments calls fn with the segments that a directory has.
func walkSegments(path string, fn func(table, number, name string) error) error {
	tables, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if !t.IsDir() || !validName(t.Name()) {
			continue
		}
		segments, err := os.ReadDir(filepath.Join(path, t.Name()))
		if err != nil {
			return err
		}
		for _, s := range segments {
			table, number, ok := segmentName(t.Name(), s.Name())
			if !ok {
				continue
			}
			if err := fn(table, number, table+"/"+s.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// readManifest returns the content of a capture.json, nil when there is none.
func readManifest(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a file", ManifestName, ErrNotCapture)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// One byte too many is no JSON that parseManifest would take.
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxManifest {
		data = data[:0]
	}
	return data, nil
}

// directorySink writes a capture to a directory. What it does there goes through
// an os.Root: where the directory was given to a user, root must not follow a
// symbolic link that this user puts into it.
type directorySink struct {
	path string
	root *os.Root
	opt  WriterOptions

	mu      sync.Mutex
	created []string // in root
}

// manifestTemp becomes capture.json when it is whole.
const manifestTemp = ManifestName + ".new"

func createDirectory(path string, opt WriterOptions) (sink, error) {
	if opt.Force {
		if err := removeDirectory(path); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, err
	}
	root, err := openRoot(path)
	if err == nil {
		if err = opt.chown(func(uid, gid int) error { return root.Chown(".", uid, gid) }); err == nil {
			return &directorySink{path: path, root: root, opt: opt}, nil
		}
		root.Close()
	}
	return nil, errors.Join(err, os.Remove(path))
}

// openRoot opens the directory at path, which is not a symbolic link.
func openRoot(path string) (*os.Root, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	inside, err := root.Stat(".")
	if err == nil {
		var outside fs.FileInfo
		if outside, err = os.Lstat(path); err == nil && !os.SameFile(inside, outside) {
			err = &fs.PathError{Op: "open", Path: path, Err: errors.New("is a symbolic link")}
		}
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// chown calls fn with the user and the group that files go to, if they go to any.
func (o *WriterOptions) chown(fn func(uid, gid int) error) error {
	if o.UID <= 0 && o.GID <= 0 {
		return nil
	}
	give := func(id int) int {
		if id <= 0 {
			return -1
		}
		return id
	}
	return fn(give(o.UID), give(o.GID))
}

// removeDirectory removes a capture, or an empty directory; nothing there is no error.
func removeDirectory(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	root, err := openRoot(path)
	if err != nil {
		return fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	defer root.Close()
	names, err := captureFiles(root)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	return os.Remove(path)
}

// captureFiles lists what a capture consists of in the order in which it can be
// removed, the manifest last. That the directory holds something else is an error.
func captureFiles(root *os.Root) (names []string, err error) {
	var last []string
	foreign := func(name string) error {
		return fmt.Errorf("%w: it holds %q, which is not part of a capture", fs.ErrExist, name)
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	whole := len(entries) == 0
	for _, e := range entries {
		switch name := e.Name(); {
		case e.Type().IsRegular() && name == ManifestName:
			whole = true
			last = append(last, name)
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
	if !whole {
		return nil, fmt.Errorf("%w: it is not a capture, having no %s", fs.ErrExist, ManifestName)
	}
	return append(names, last...), nil
}

func (d *directorySink) buffered() bool { return false }

// create creates a file in the capture.
func (d *directorySink) create(name string) (*os.File, error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	d.remember(name)
	if err := d.opt.chown(f.Chown); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (d *directorySink) remember(name string) {
	d.mu.Lock()
	d.created = append(d.created, name)
	d.mu.Unlock()
}

// directorySegment is a segment in a directory.
type directorySegment struct{ *os.File }

func (s directorySegment) discard() { s.Close() }

func (d *directorySink) segment(table string, n int) (segmentFile, error) {
	if n == 1 {
		if err := d.root.Mkdir(table, 0o700); err != nil {
			return nil, err
		}
		d.remember(table)
		if err := d.opt.chown(func(uid, gid int) error { return d.root.Chown(table, uid, gid) }); err != nil {
			return nil, err
		}
	}
	f, err := d.create(fmt.Sprintf("%s/%06d.arrow", table, n))
	if err != nil {
		return nil, err
	}
	return directorySegment{f}, nil
}

func (d *directorySink) manifest(data []byte, last bool) (err error) {
	f, err := d.create(manifestTemp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && last {
		// The old one is replaced by a new one that is on the disk.
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.root.Rename(manifestTemp, ManifestName)
	}
	if err != nil {
		d.root.Remove(manifestTemp)
		return err
	}
	d.remember(ManifestName)
	return nil
}

func (d *directorySink) close() error { return d.root.Close() }

func (d *directorySink) abort() error {
	var errs []error
	for i := len(d.created) - 1; i >= 0; i-- {
		if err := d.root.Remove(d.created[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, d.root.Close(), os.Remove(d.path))
	return errors.Join(errs...)
}
