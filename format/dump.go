// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"time"
)

// InFlightSegments is added to the number of the last generation of a dump, for the
// segments of what was in flight when it was made. No recording has so many generations.
const InFlightSegments = 1_000_000_000

// Dump makes a capture of the generations from..to, which must be finished, in a
// directory at path. Its segments are hard links or, if the file system cannot make
// them, copies. Its manifest is the one given to Create with Start, End, Tables and
// Complete set for these generations; finish, if not nil, may fill in more. Append,
// Finish and Drop may be called meanwhile.
// If path exists Dump fails with fs.ErrExist. Until the dump is complete, ".new" is
// appended to its name. If Dump fails it leaves nothing behind.
//
// The batches in own, at most one of each table, are only in the dump. Each becomes a
// segment with the number Batch.Generation, which no generation may have.
func (w *Writer) Dump(path string, from, to int, finish func(*Manifest), own ...*Batch) error {
	if err := w.dump(path, from, to, finish, own); err != nil {
		return fmt.Errorf("writing dump %s: %w", path, err)
	}
	return nil
}

func (w *Writer) dump(path string, from, to int, finish func(*Manifest), own []*Batch) error {
	c, err := w.beginDump(from, to)
	if err != nil {
		return err
	}
	defer w.endDump(c)
	if err := w.addOwn(c, own); err != nil {
		return err
	}
	if err := c.encode(finish); err != nil {
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
	d, err := makeDirectoryDestination(parent, name+".new")
	if err != nil {
		parent.close()
		return err
	}
	if err := w.writeDump(d, name, c); err != nil {
		errs := []error{err}
		for _, s := range c.segments {
			errs = append(errs, d.removeSegment(s.table.name, s.number))
		}
		for _, s := range c.own {
			errs = append(errs, d.removeSegment(s.table, s.number))
		}
		return errors.Join(append(errs, d.abort())...)
	}
	d.close() // writes nothing, so the dump is whole even if this fails
	return nil
}

// dumpContent is what a dump consists of.
type dumpContent struct {
	segments             []tableSegment
	own                  []ownSegment // that are only in the dump
	manifest             Manifest
	sync                 bool   // the dump must be on disk before it gets its name
	unfinished, finished []byte // capture.json while the dump is written, and at its end
}

// beginDump returns the content of a dump of the generations from..to, of which no
// segment is removed until endDump.
func (w *Writer) beginDump(from, to int) (*dumpContent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	segments, err := w.segmentsBetween(from, to)
	if err == nil && w.closed {
		err = fs.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	m := w.manifest
	m.Start, m.Complete, m.SHA256 = w.startOf(segments), true, map[string]string{}
	sums := map[string]*totals{}
	end := int64(0)
	for _, s := range segments {
		s.dumps++
		m.Complete = m.Complete && s.complete
		end = max(end, s.lastTS)
		if sums[s.table.name] == nil {
			sums[s.table.name] = &totals{}
		}
		sums[s.table.name].add(s.totals)
		s.table.addChecksum(m.SHA256, s.number)
	}
	for _, t := range w.tables {
		m.Complete = m.Complete && (t.brokenFrom == 0 || t.brokenFrom > to)
	}
	m.End, m.Tables = time.Unix(0, cmp.Or(end, w.latestTS)).UTC(), tableInfos(sums)
	return &dumpContent{segments: segments, manifest: m, sync: w.syncing}, nil
}

// ownSegment is a whole segment of a dump that is not one of its recording.
type ownSegment struct {
	table  string
	number int
	data   []byte
}

// addOwn adds segments with the rows of batches.
func (w *Writer) addOwn(c *dumpContent, own []*Batch) error {
	began := strconv.FormatInt(c.manifest.End.UnixNano(), 10)
	for _, b := range own {
		if b.Rows == 0 {
			continue
		}
		if err := b.check(); err != nil {
			return err
		}
		table := b.Schema.Table
		e := newEncoder(b.Schema, append(w.manifest.SchemaMetadata(table), metadataStart, began))
		data := e.start()
		message, metadata, err := e.batch(b, Zstd)
		if err != nil {
			return err
		}
		at := location{int64(len(data)), int32(metadata), int64(len(message) - metadata)}
		data = append(append(data, message...), e.end([]location{at})...)
		c.own = append(c.own, ownSegment{table, b.Generation, data})
		c.manifest.SHA256[segmentPath(table, b.Generation)] = sumText(data)
		info := c.manifest.Tables[table]
		info.Rows, info.Bytes, info.Segments = info.Rows+int64(b.Rows), info.Bytes+int64(len(data)), info.Segments+1
		c.manifest.Tables[table] = info
	}
	return nil
}

// writeOwn writes a segment of the dump's own.
func writeOwn(d *directoryDestination, s ownSegment) error {
	f, err := d.createSegment(s.table, s.number)
	if err != nil {
		return err
	}
	_, err = f.Write(s.data)
	return errors.Join(err, f.Close())
}

// encode encodes the manifest: for a dump that is being written, and for a finished
// one, which finish may change.
func (c *dumpContent) encode(finish func(*Manifest)) (err error) {
	m := c.manifest
	complete := m.Complete
	if finish != nil {
		finish(&m)
	}
	complete = complete && m.Complete
	m.Format, m.Complete, m.SHA256 = Current, false, nil
	if c.unfinished, err = m.encode(); err != nil {
		return err
	}
	m.Complete, m.SHA256 = complete, c.manifest.SHA256
	c.finished, err = m.encode()
	return err
}

// enterParent is like the function enterParent, for a dump. If the dump is in the
// directory that the capture is in, it returns that, already open: the program may
// have given up the right to open it again.
func (w *Writer) enterParent(path string) (parent directory, name string, err error) {
	name = filepath.Base(path)
	if w.destination.parentDirectory() == nil || filepath.Dir(path) != w.parentPath || name == ".." {
		opt := w.opt
		opt.Parent = nil // it is in another directory
		return enterParent(path, &opt)
	}
	return sharedDirectory{w.destination.parentDirectory()}, name, nil
}

// writeDump writes a dump to d and renames it to name.
func (w *Writer) writeDump(d *directoryDestination, name string, c *dumpContent) error {
	if err := d.writeManifest(c.unfinished, false); err != nil {
		return err
	}
	for _, s := range c.segments {
		if err := w.destination.exportSegment(s.table.name, s.number, d); err != nil {
			return err
		}
	}
	for _, s := range c.own {
		if err := writeOwn(d, s); err != nil {
			return err
		}
	}
	if err := c.syncSegments(d); err != nil {
		return err
	}
	if err := d.writeManifest(c.finished, true); err != nil {
		return err
	}
	if c.sync {
		if err := d.sync(); err != nil {
			return err
		}
	}
	if err := d.rename(name); err != nil || !c.sync {
		return err
	}
	return syncFile(d.parent, ".")
}

// syncSegments waits until the segments of the dump are on disk, if they have to be.
func (c *dumpContent) syncSegments(d *directoryDestination) error {
	if !c.sync {
		return nil
	}
	for _, s := range c.segments {
		if err := d.syncSegment(s.table.name, s.number); err != nil {
			return err
		}
	}
	for _, s := range c.own {
		if err := d.syncSegment(s.table, s.number); err != nil {
			return err
		}
	}
	return nil
}

// endDump removes segments that were dropped during a dump. If one cannot be
// removed, the next Drop tries again.
func (w *Writer) endDump(c *dumpContent) {
	for _, s := range c.segments {
		w.mu.Lock()
		s.dumps--
		last := s.dropped && s.dumps == 0
		w.mu.Unlock()
		if last {
			w.removeSegment(s)
		}
	}
}
