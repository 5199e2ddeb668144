// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// Dump makes a capture of its own at path, a directory, of the generations from
// to to, which must be finished: in a directory by hard links, where the file
// system has them. Its manifest is the one of Create with Start, End, Tables and
// Complete of what is in it; finish, if not nil, may fill in more. The capture
// goes on meanwhile, and even Drop may.
// An existing path is an error, fs.ErrExist. The dump appears under its name
// when it is whole, until then with .new after it; when Dump fails it leaves
// nothing behind.
func (w *Writer) Dump(path string, from, to int, finish func(*Manifest)) error {
	if err := w.dump(path, from, to, finish); err != nil {
		return fmt.Errorf("writing dump %s: %w", path, err)
	}
	return nil
}

func (w *Writer) dump(path string, from, to int, finish func(*Manifest)) (err error) {
	w.mu.Lock()
	segments, err := w.segmentsBetween(from, to)
	if err == nil && w.closed {
		err = fs.ErrClosed
	}
	m := w.manifest
	if err == nil {
		sums := map[string]*totals{}
		m.Start, m.Complete = w.startOf(segments), true
		end := int64(0)
		for _, s := range segments {
			s.dumps++
			m.Complete = m.Complete && s.complete
			end = max(end, s.lastTS)
			if sums[s.table.name] == nil {
				sums[s.table.name] = &totals{}
			}
			sums[s.table.name].add(s.totals)
		}
		for _, t := range w.tables {
			m.Complete = m.Complete && (t.brokenFrom == 0 || t.brokenFrom > to)
		}
		m.End, m.Tables = time.Unix(0, cmp.Or(end, w.latestTS)).UTC(), tableInfos(sums)
	}
	sync := w.syncing
	w.mu.Unlock()
	if err != nil {
		return err
	}
	defer w.endDump(segments)

	whole := m.Complete
	if finish != nil {
		finish(&m)
	}
	whole = whole && m.Complete
	m.Format, m.Complete = Current, false
	unfinished, err := m.encode()
	if err != nil {
		return err
	}
	m.Complete = whole
	finished, err := m.encode()
	if err != nil {
		return err
	}
	parent, name, err := w.enterParent(path)
	if err != nil {
		return err
	}
	if _, err := parent.lstat(name); !errors.Is(err, fs.ErrNotExist) {
		parent.close()
		return cmp.Or(err, error(&fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}))
	}
	d, err := makeDirectoryDestination(parent, name+".new", w.opt)
	if err != nil {
		parent.close()
		return err
	}
	if err := w.writeDump(d, name, unfinished, finished, segments, sync); err != nil {
		errs := []error{err}
		for _, s := range segments {
			errs = append(errs, d.removeSegment(s.table.name, s.number))
		}
		return errors.Join(append(errs, d.abort())...)
	}
	d.close() // which writes nothing
	return nil
}

// enterParent is for a dump. One beside the capture does not depend on the way there, which the program may have given
// up the right to go since Create.
func (w *Writer) enterParent(path string) (parent directory, name string, err error) {
	name = filepath.Base(path)
	if w.destination.parentDirectory() == nil || filepath.Dir(path) != w.parentPath || name == ".." {
		return enterParent(path, &w.opt)
	}
	return sharedDirectory{w.destination.parentDirectory()}, name, nil
}

// sharedDirectory is a directory that somebody else closes.
type sharedDirectory struct{ directory }

func (sharedDirectory) close() error { return nil }

// writeDump writes a dump to d, and gives it its name.
func (w *Writer) writeDump(d *directoryDestination, name string, unfinished, finished []byte, segments []tableSegment, sync bool) error {
	if err := d.writeManifest(unfinished, false); err != nil {
		return err
	}
	for _, s := range segments {
		if err := w.destination.exportSegment(s.table.name, s.number, d); err != nil {
			return err
		}
	}
	if sync {
		for _, s := range segments {
			if err := d.syncSegment(s.table.name, s.number); err != nil {
				return err
			}
		}
	}
	if err := d.writeManifest(finished, true); err != nil {
		return err
	}
	if sync {
		if err := d.sync(); err != nil {
			return err
		}
	}
	if err := d.rename(name); err != nil || !sync {
		return err
	}
	return syncFile(d.parent, ".")
}

// endDump ends a dump, and removes what was dropped meanwhile. What cannot be
// removed the next Drop finds again; the dump is none the worse for it.
func (w *Writer) endDump(segments []tableSegment) {
	for _, s := range segments {
		w.mu.Lock()
		s.dumps--
		last := s.dropped && s.dumps == 0
		w.mu.Unlock()
		if last {
			w.removeSegment(s)
		}
	}
}
