// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
	"syscall"
)

// directoryDestination writes a capture to a directory.
type directoryDestination struct {
	parent     directory // that dir is in
	name       string    // of dir in parent
	dir        directory
	parentFile file // parent, opened for sync while the program still may open it; nil for a dump

	mu            sync.Mutex
	segmentCounts map[string]int  // by table; has every table that has a directory
	unsynced      map[string]bool // names that changed since the last sync; "." is dir, "" is parent
}

// manifestTemp is renamed to capture.json when it is complete.
const manifestTemp = ManifestName + ".new"

func createDirectoryDestination(path string, opt WriterOptions) (*directoryDestination, error) {
	parent, name, err := enterParent(path, &opt)
	if err != nil {
		return nil, err
	}
	if opt.Force {
		if err = removeFrom(parent, name, name, replaceable); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	var d *directoryDestination
	var parentFile file
	if err == nil {
		parentFile, err = parent.open(".")
	}
	if err == nil {
		if d, err = makeDirectoryDestination(parent, name); err != nil {
			parentFile.Close()
		}
	}
	if err != nil {
		parent.close()
		return nil, err
	}
	d.parentFile = parentFile
	return d, nil
}

// makeDirectoryDestination makes the directory of a capture. If it succeeds, the
// result closes parent.
func makeDirectoryDestination(parent directory, name string) (*directoryDestination, error) {
	if err := parent.mkdir(name); err != nil {
		return nil, err
	}
	inside, err := parent.enter(name)
	if err != nil {
		return nil, errors.Join(err, parent.remove(name))
	}
	return &directoryDestination{
		parent: parent, name: name, dir: inside,
		segmentCounts: map[string]int{}, unsynced: map[string]bool{"": true},
	}, nil
}

func (d *directoryDestination) parentDirectory() directory { return d.parent }

func (d *directoryDestination) buffered() bool { return false }

// makeTableDirectory makes the directory of a table, if there is none.
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
	d.mu.Lock()
	d.segmentCounts[table] = 0
	d.unsynced["."] = true
	d.mu.Unlock()
	return nil
}

// addSegments adds n to the number of segments of a table.
func (d *directoryDestination) addSegments(table string, n int) {
	d.mu.Lock()
	d.segmentCounts[table] += n
	d.unsynced[table] = true
	d.mu.Unlock()
}

func (d *directoryDestination) createSegment(table string, n int) (segmentWriter, error) {
	if err := d.makeTableDirectory(table); err != nil {
		return nil, err
	}
	f, err := d.dir.create(segmentPath(table, n))
	if err != nil {
		return nil, err
	}
	d.addSegments(table, 1)
	return directorySegment{f}, nil
}

// removeSegment removes a segment, if it exists.
func (d *directoryDestination) removeSegment(table string, n int) error {
	if err := d.dir.remove(segmentPath(table, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d.addSegments(table, -1)
	return nil
}

// exportSegment makes a hard link to a segment in another capture, or a copy if the
// file system cannot.
func (d *directoryDestination) exportSegment(table string, n int, to *directoryDestination) error {
	if err := to.makeTableDirectory(table); err != nil {
		return err
	}
	name := segmentPath(table, n)
	err := to.dir.link(d.dir, name)
	for _, noLinks := range []error{errors.ErrUnsupported, syscall.EXDEV, syscall.EMLINK, syscall.EPERM} {
		if errors.Is(err, noLinks) {
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
	// Without the structs CopyBuffer would use ReadFrom and WriteTo, and not the buffer.
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{from}, make([]byte, memoryChunk))
	return errors.Join(err, f.Close(), from.Close())
}

func (d *directoryDestination) writeManifest(data []byte, last bool) (err error) {
	f, err := d.dir.create(manifestTemp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && last {
		// The old manifest must not be replaced before the new one is on disk.
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

// sync waits until the manifest and the entries of all directories are on disk.
func (d *directoryDestination) sync() error {
	d.mu.Lock()
	changed := d.unsynced
	d.unsynced = map[string]bool{}
	d.mu.Unlock()
	var names []string
	for name, unsynced := range changed {
		if unsynced && name != "" && name != "." {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if changed["."] {
		names = append(names, ".") // last, after the directories in it
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
			// A table without segments is no table. Its directory may stay if another
			// program made a file in it.
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

// directorySegment is a segment in a directory.
type directorySegment struct{ file }

func (s directorySegment) discard() { s.Close() }
