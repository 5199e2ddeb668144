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

func openCaptureDirectory(path string) (*Capture, error) {
	manifest, entries, open, err := readCaptureDirectory(path)
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

func readCaptureDirectory(path string) (manifest []byte, entries []segmentFile, open files, err error) {
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
		entries = append(entries, segmentFile{table, number, name, f, info.Size()})
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

// directoryDestination writes a capture to a directory.
type directoryDestination struct {
	opt        WriterOptions
	parent     directory // what the directory is in
	name       string    // of the directory, in parent
	dir        directory // the directory
	parentFile file      // parent, to sync: who writes later may not open it; nil in a dump

	mu            sync.Mutex
	segmentCounts map[string]int  // the directories made, and the segments in each
	unsynced      map[string]bool // what Sync has not seen: directories whose entries are others, and the manifest; "" is parent
}

// manifestTemp becomes capture.json when it is whole.
const manifestTemp = ManifestName + ".new"

// segmentPath is the name of a segment in a capture.
func segmentPath(table string, n int) string { return fmt.Sprintf("%s/%06d.arrow", table, n) }

// enterParent opens what the last element of path is in, and returns that
// element, which may or may not be there.
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

func createDirectoryDestination(path string, opt WriterOptions) (*directoryDestination, error) {
	parent, name, err := enterParent(path, &opt)
	if err != nil {
		return nil, err
	}
	if opt.Force {
		err = removeDirectory(path)
	}
	var d *directoryDestination
	var above file
	if err == nil {
		above, err = parent.open(".")
	}
	if err == nil {
		if d, err = makeDirectoryDestination(parent, name, opt); err != nil {
			above.Close()
		}
	}
	if err != nil {
		parent.close()
		return nil, err
	}
	d.parentFile = above
	return d, nil
}

// makeDirectoryDestination makes the directory of a capture. It owns parent, if it succeeds.
func makeDirectoryDestination(parent directory, name string, opt WriterOptions) (*directoryDestination, error) {
	if err := parent.mkdir(name); err != nil {
		return nil, err
	}
	inside, err := parent.enter(name)
	if err == nil {
		if err = opt.chown(func(uid, gid int) error { return inside.chown(".", uid, gid) }); err == nil {
			return &directoryDestination{
				opt: opt, parent: parent, name: name, dir: inside,
				segmentCounts: map[string]int{}, unsynced: map[string]bool{"": true},
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
func removeFrom(parent directory, name, away string) error {
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

func (d *directoryDestination) parentDirectory() directory { return d.parent }

func (d *directoryDestination) buffered() bool { return false }

// create creates a file in the capture.
func (d *directoryDestination) create(name string) (file, error) {
	f, err := d.dir.create(name)
	if err != nil {
		return nil, err
	}
	if err := d.opt.chown(f.Chown); err != nil {
		return nil, errors.Join(err, f.Close(), d.dir.remove(name))
	}
	return f, nil
}

// makeTableDirectory makes the directory of a table, if it is not there.
func (d *directoryDestination) makeTableDirectory(table string) error {
	d.mu.Lock()
	_, made := d.segmentCounts[table]
	d.mu.Unlock()
	if made {
		return nil
	}
	if err := d.dir.mkdir(table); err != nil {
		return err
	}
	if err := d.opt.chown(func(uid, gid int) error { return d.dir.chown(table, uid, gid) }); err != nil {
		return errors.Join(err, d.dir.remove(table))
	}
	d.mu.Lock()
	d.segmentCounts[table] = 0
	d.unsynced["."] = true
	d.mu.Unlock()
	return nil
}

// addSegments says that the table has so many segments more.
func (d *directoryDestination) addSegments(table string, n int) {
	d.mu.Lock()
	d.segmentCounts[table] += n
	d.unsynced[table] = true
	d.mu.Unlock()
}

// directorySegment is a segment in a directory.
type directorySegment struct{ file }

func (s directorySegment) discard() { s.Close() }

func (d *directoryDestination) createSegment(table string, n int) (segmentWriter, error) {
	if err := d.makeTableDirectory(table); err != nil {
		return nil, err
	}
	f, err := d.create(segmentPath(table, n))
	if err != nil {
		return nil, err
	}
	d.addSegments(table, 1)
	return directorySegment{f}, nil
}

// remove removes a segment; that it is not there any more is no error.
func (d *directoryDestination) removeSegment(table string, n int) error {
	if err := d.dir.remove(segmentPath(table, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.addSegments(table, -1)
	return nil
}

// exportSegment puts a segment into another capture too: as a link, or where the file
// system has none as a copy.
func (d *directoryDestination) exportSegment(table string, n int, to *directoryDestination) error {
	if err := to.makeTableDirectory(table); err != nil {
		return err
	}
	name := segmentPath(table, n)
	err := to.dir.link(d.dir, name)
	for _, cannot := range []error{errors.ErrUnsupported, syscall.EXDEV, syscall.EMLINK, syscall.EPERM} {
		if errors.Is(err, cannot) {
			return d.copySegment(table, n, to)
		}
	}
	if err == nil {
		to.addSegments(table, 1)
	}
	return err
}

func (d *directoryDestination) copySegment(table string, n int, to *directoryDestination) error {
	from, err := d.dir.open(segmentPath(table, n))
	if err != nil {
		return err
	}
	f, err := to.createSegment(table, n)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{from}, make([]byte, memoryChunk))
	return errors.Join(err, f.Close(), from.Close())
}

func (d *directoryDestination) writeManifest(data []byte, last bool) (err error) {
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
		err = d.dir.rename(manifestTemp, ManifestName)
	}
	if err != nil {
		d.dir.remove(manifestTemp)
		return err
	}
	d.mu.Lock()
	d.unsynced["."], d.unsynced[ManifestName] = true, !last
	d.mu.Unlock()
	return nil
}

func (d *directoryDestination) syncSegment(table string, n int) error {
	return syncFile(d.dir, segmentPath(table, n))
}

func (d *directoryDestination) closeParentFile() error {
	if d.parentFile == nil {
		return nil
	}
	return d.parentFile.Close()
}

// sync waits until the manifest and the entries of all directories are on the disk.
func (d *directoryDestination) sync() error {
	d.mu.Lock()
	changed := d.unsynced
	d.unsynced = map[string]bool{}
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
		if err := syncFile(d.dir, name); err != nil {
			return err
		}
	}
	if changed[""] && d.parentFile != nil {
		return d.parentFile.Sync()
	}
	return nil
}

func syncFile(in directory, name string) error {
	f, err := in.open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// rename gives the capture another name in the directory that it is in.
func (d *directoryDestination) rename(name string) error {
	if err := d.parent.rename(d.name, name); err != nil {
		return err
	}
	d.name = name
	return nil
}

func (d *directoryDestination) close() error {
	for table, segments := range d.segmentCounts {
		if segments == 0 {
			// Only tidy: an empty directory is no table, and this fails where a
			// stranger has put something.
			d.dir.remove(table)
		}
	}
	return errors.Join(d.dir.close(), d.closeParentFile(), d.parent.close())
}

func (d *directoryDestination) abort() error {
	var errs []error
	for table := range d.segmentCounts {
		errs = append(errs, d.dir.remove(table))
	}
	errs = append(errs, d.dir.remove(ManifestName))
	for i, err := range errs {
		if errors.Is(err, fs.ErrNotExist) {
			errs[i] = nil
		}
	}
	errs = append(errs, d.dir.close(), d.parent.remove(d.name), d.closeParentFile(), d.parent.close())
	return errors.Join(errs...)
}
