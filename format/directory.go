// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
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
	if manifest == nil && len(entries) == 0 {
		if inside := capturesIn(path); len(inside) > 0 {
			return nil, fmt.Errorf("opening capture %s: %w, but a directory of captures: %s", path, ErrNotCapture, strings.Join(inside, ", "))
		}
	}
	return newCapture(path, manifest, entries, nil, open.close)
}

// capturesIn returns the names of captures in a directory, as a flight recorder
// leaves them; after a few "...".
func capturesIn(path string) (names []string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(path, e.Name(), ManifestName)); err != nil {
			continue
		}
		if len(names) == 3 {
			return append(names, "...")
		}
		names = append(names, e.Name())
	}
	return names
}

func readDirectory(path string) (manifest []byte, entries []entry, open files, err error) {
	manifest, err = readManifest(filepath.Join(path, ManifestName))
	if err != nil {
		return nil, nil, nil, err
	}
	err = walkSegments(path, func(table, number, name string) error {
		full := filepath.Join(path, filepath.FromSlash(name))
		// A pipe would be waited for and a device read from: files only.
		// A recorder that keeps only so much may have removed it meanwhile.
		info, err := os.Stat(full)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		f, err := os.Open(full)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
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
		if errors.Is(err, fs.ErrNotExist) {
			continue // as in readDirectory
		}
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

// directorySink writes a capture to a directory.
type directorySink struct {
	opt    WriterOptions
	parent folder // what the directory is in
	name   string // of the directory, in parent
	folder folder // the directory
	above  file   // parent, to sync: who writes later may not open it; nil in a dump

	mu      sync.Mutex
	tables  map[string]int  // the directories made, and the segments in each
	changed map[string]bool // what Sync has not seen: directories whose entries are others, and the manifest; "" is parent
}

// manifestTemp becomes capture.json when it is whole.
const manifestTemp = ManifestName + ".new"

// segmentPath is the name of a segment in a capture.
func segmentPath(table string, n int) string { return fmt.Sprintf("%s/%06d.arrow", table, n) }

// enterParent opens what the last element of path is in, and returns that
// element, which may or may not be there.
func enterParent(path string, opt *WriterOptions) (parent folder, name string, err error) {
	for len(path) > 1 && os.IsPathSeparator(path[len(path)-1]) {
		path = path[:len(path)-1]
	}
	dir, name := filepath.Split(path)
	if name == "" || name == "." || name == ".." {
		return nil, "", &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	open := opt.folder
	if open == nil {
		open = openFolder
	}
	parent, err = open(trimEnd(cmp.Or(dir, ".")))
	return parent, name, err
}

// trimEnd leaves out what says nothing at the end of a path: the errors about what is in it begin with it. (filepath.Clean would
// also take away what a symbolic link may be before a "..".)
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

func createDirectory(path string, opt WriterOptions) (*directorySink, error) {
	parent, name, err := enterParent(path, &opt)
	if err != nil {
		return nil, err
	}
	if opt.Force {
		err = removeDirectory(path)
	}
	var d *directorySink
	var above file
	if err == nil {
		above, err = parent.open(".")
	}
	if err == nil {
		if d, err = makeDirectory(parent, name, opt); err != nil {
			above.Close()
		}
	}
	if err != nil {
		parent.close()
		return nil, err
	}
	d.above = above
	return d, nil
}

// makeDirectory makes the directory of a capture. It owns parent, if it succeeds.
func makeDirectory(parent folder, name string, opt WriterOptions) (*directorySink, error) {
	if err := parent.mkdir(name); err != nil {
		return nil, err
	}
	inside, err := parent.enter(name)
	if err == nil {
		if err = opt.chown(func(uid, gid int) error { return inside.chown(".", uid, gid) }); err == nil {
			return &directorySink{
				opt: opt, parent: parent, name: name, folder: inside,
				tables: map[string]int{}, changed: map[string]bool{"": true},
			}, nil
		}
		inside.close()
	}
	return nil, errors.Join(err, parent.remove(name))
}

// chown calls fn with the user and the group that files go to, if they go to any.
func (o *WriterOptions) chown(fn func(uid, gid int) error) error {
	if o.UID <= 0 && o.GID <= 0 || o.UID == os.Geteuid() && o.GID == os.Getegid() {
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

// removeFrom removes a capture, or an empty directory, after it has been renamed to away.
func removeFrom(parent folder, name, away string) error {
	inside, err := parent.enter(name)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", fs.ErrExist, err)
	}
	defer inside.close()
	root := inside.(rootFolder).Root
	names, err := captureFiles(root)
	if err != nil {
		return err
	}
	if away != name {
		if err := parent.rename(name, away); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := root.Remove(name); err != nil {
			return err
		}
	}
	return parent.remove(away)
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

func (d *directorySink) beside() folder { return d.parent }

func (d *directorySink) buffered() bool { return false }

// create creates a file in the capture.
func (d *directorySink) create(name string) (file, error) {
	f, err := d.folder.create(name)
	if err != nil {
		return nil, err
	}
	if err := d.opt.chown(f.Chown); err != nil {
		return nil, errors.Join(err, f.Close(), d.folder.remove(name))
	}
	return f, nil
}

// enter makes the directory of a table, if it is not there.
func (d *directorySink) enter(table string) error {
	d.mu.Lock()
	_, made := d.tables[table]
	d.mu.Unlock()
	if made {
		return nil
	}
	if err := d.folder.mkdir(table); err != nil {
		return err
	}
	if err := d.opt.chown(func(uid, gid int) error { return d.folder.chown(table, uid, gid) }); err != nil {
		return errors.Join(err, d.folder.remove(table))
	}
	d.mu.Lock()
	d.tables[table] = 0
	d.changed["."] = true
	d.mu.Unlock()
	return nil
}

// count says that the table has so many segments more.
func (d *directorySink) count(table string, n int) {
	d.mu.Lock()
	d.tables[table] += n
	d.changed[table] = true
	d.mu.Unlock()
}

// directorySegment is a segment in a directory.
type directorySegment struct{ file }

func (s directorySegment) discard() { s.Close() }

func (d *directorySink) segment(table string, n int) (segmentFile, error) {
	if err := d.enter(table); err != nil {
		return nil, err
	}
	f, err := d.create(segmentPath(table, n))
	if err != nil {
		return nil, err
	}
	d.count(table, 1)
	return directorySegment{f}, nil
}

// remove removes a segment; that it is not there any more is no error.
func (d *directorySink) remove(table string, n int) error {
	if err := d.folder.remove(segmentPath(table, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.count(table, -1)
	return nil
}

// export puts a segment into another capture too: as a link, or where the file
// system has none as a copy.
func (d *directorySink) export(table string, n int, to *directorySink) error {
	if err := to.enter(table); err != nil {
		return err
	}
	name := segmentPath(table, n)
	err := to.folder.link(d.folder, name)
	for _, cannot := range []error{errors.ErrUnsupported, syscall.EXDEV, syscall.EMLINK, syscall.EPERM} {
		if errors.Is(err, cannot) {
			return d.copy(table, n, to)
		}
	}
	if err == nil {
		to.count(table, 1)
	}
	return err
}

func (d *directorySink) copy(table string, n int, to *directorySink) error {
	from, err := d.folder.open(segmentPath(table, n))
	if err != nil {
		return err
	}
	f, err := to.segment(table, n)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{from}, make([]byte, memoryChunk))
	return errors.Join(err, f.Close(), from.Close())
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
		err = d.folder.rename(manifestTemp, ManifestName)
	}
	if err != nil {
		d.folder.remove(manifestTemp)
		return err
	}
	d.mu.Lock()
	d.changed["."], d.changed[ManifestName] = true, !last
	d.mu.Unlock()
	return nil
}

func (d *directorySink) syncSegment(table string, n int) error {
	return syncFile(d.folder, segmentPath(table, n))
}

func (d *directorySink) closeAbove() error {
	if d.above == nil {
		return nil
	}
	return d.above.Close()
}

// sync waits until the manifest and the entries of all directories are on the disk.
func (d *directorySink) sync() error {
	d.mu.Lock()
	changed := d.changed
	d.changed = map[string]bool{}
	d.mu.Unlock()
	var names []string
	for name, is := range changed {
		if is && name != "" && name != "." {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if changed["."] {
		names = append(names, ".") // after what is in it
	}
	for _, name := range names {
		if err := syncFile(d.folder, name); err != nil {
			return err
		}
	}
	if changed[""] && d.above != nil {
		return d.above.Sync()
	}
	return nil
}

func syncFile(in folder, name string) error {
	f, err := in.open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// rename gives the capture another name in the directory that it is in.
func (d *directorySink) rename(name string) error {
	if err := d.parent.rename(d.name, name); err != nil {
		return err
	}
	d.name = name
	return nil
}

func (d *directorySink) close() error {
	for table, segments := range d.tables {
		if segments == 0 {
			// Only tidy: an empty directory is no table, and this fails where a
			// stranger has put something.
			d.folder.remove(table)
		}
	}
	return errors.Join(d.folder.close(), d.closeAbove(), d.parent.close())
}

func (d *directorySink) abort() error {
	var errs []error
	for table := range d.tables {
		errs = append(errs, d.folder.remove(table))
	}
	errs = append(errs, d.folder.remove(ManifestName))
	for i, err := range errs {
		if errors.Is(err, fs.ErrNotExist) {
			errs[i] = nil
		}
	}
	errs = append(errs, d.folder.close(), d.parent.remove(d.name), d.closeAbove(), d.parent.close())
	return errors.Join(errs...)
}
