// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// CheckPlace returns ErrRemoved if another program has removed the capture, and
// another error, which says which, if it has removed a segment. That is final: the
// capture is not complete. A program that calls it once a second does not record for
// long what nobody will find. It looks at the segments being written, and at some of
// the others.
func (w *Writer) CheckPlace() error {
	if w.destination.removed() {
		return ErrRemoved
	}
	err := w.checkSegments(0)
	if gone := (*segmentRemovedError)(nil); !errors.As(err, &gone) {
		return nil // it may be seen the next time
	}
	return err
}

// CheckPlace looks at a sixteenth of the finished segments, within these limits: each
// costs a few microseconds.
const (
	minChecked = 16
	maxChecked = 256
)

// checkSegments returns an error unless the segments are there that are being written,
// and the next n finished ones of those that have a checksum; 0: as many as CheckPlace
// looks at. That one was removed it says ever after.
func (w *Writer) checkSegments(n int) error {
	d, ok := w.destination.(*directoryDestination)
	if !ok {
		return nil // what is not in a directory has no segments of its own
	}
	for _, s := range w.segmentsToCheck(n) {
		if err := w.lookFor(d, s); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.segmentErr
}

// placedSegment is a segment of a table in a directory.
type placedSegment struct {
	table  *tableWriter
	number int
}

// segmentsToCheck returns the segments that checkSegments looks at.
func (w *Writer) segmentsToCheck(n int) (segments []placedSegment) {
	tables := w.sortedTables()
	w.mu.Lock()
	defer w.mu.Unlock()
	if n == 0 {
		n = min(max(w.checksums/16, minChecked), maxChecked)
	}
	n = min(n, w.checksums)
	first := w.nextChecked % max(w.checksums, 1)
	w.nextChecked = first + n
	before := 0 // finished segments of the tables before
	for _, t := range tables {
		for _, s := range t.segments {
			if s.open {
				segments = append(segments, placedSegment{t, s.number})
			}
		}
		for _, from := range []int{first, first - w.checksums} { // it begins again at the first table
			for i := max(from-before, 0); i < min(from+n-before, len(t.checksums)); i++ {
				segments = append(segments, placedSegment{t, int(t.checksums[i].number)})
			}
		}
		before += len(t.checksums)
	}
	return segments
}

// lookFor returns an error unless a segment is there, or was dropped.
func (w *Writer) lookFor(d *directoryDestination, s placedSegment) error {
	name := segmentPath(s.table.name, s.number)
	_, err := d.dir.lstat(name)
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking for table %s: %w", s.table.name, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, has := slices.BinarySearchFunc(s.table.checksums, s.number, segmentSum.compare)
	for _, o := range s.table.segments {
		has = has || o.open && o.number == s.number
	}
	if has {
		w.segmentErr = cmp.Or[error](w.segmentErr, &segmentRemovedError{name})
	}
	return w.segmentErr
}

// segmentRemovedError says that another program has removed a segment.
type segmentRemovedError struct{ name string }

func (e *segmentRemovedError) Error() string {
	return e.name + " was removed during the recording"
}

func (e *segmentRemovedError) Is(target error) bool { return target == fs.ErrNotExist }

func (d *directoryDestination) removed() bool {
	_, err := d.dir.lstat(ManifestName)
	return errors.Is(err, fs.ErrNotExist)
}

// statable is what can be asked whether it still has a name.
type statable interface{ Stat() (fs.FileInfo, error) }

func (t *tarDestination) removed() bool {
	f, ok := t.file.(statable)
	if !ok {
		return false // a stream, or a simulated disk
	}
	info, err := f.Stat()
	return err == nil && unlinked(info)
}

func (m *memoryDestination) removed() bool {
	info, err := m.parent.lstat(".")
	return err == nil && unlinked(info)
}
