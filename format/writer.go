// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// WriterOptions are the options of Create. The zero value is the defaults.
type WriterOptions struct {
	// Force lets Create replace a directory that is a capture, or is empty, or
	// a file. A directory that holds anything else is never touched.
	Force bool
	// Stdout is where the path "-" leads; nil is os.Stdout.
	Stdout io.Writer
	// SegmentBytes is the size at which a table goes on in its next segment,
	// where batches do not say it; 0 is 64 MiB. Segments in a tar are held in
	// memory until they are whole and are at most 4 MiB and one batch.
	SegmentBytes int64
	// Memory keeps the segments in memory; Dump writes them down, and nothing
	// else does. Nothing is created at the path of Create.
	Memory bool
	// UID and GID are given the files and directories; 0 and -1 leave them with
	// whoever runs the program. It takes CAP_CHOWN and, because the directories
	// are then somebody else's, CAP_DAC_OVERRIDE, until Close; neither if the
	// program runs as them.
	UID, GID int

	openDirectory func(path string) (directory, error) // opens a directory; nil is openOSDirectory
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

// Writer writes a capture. Its methods may be called at the same time; batches
// of one table are written one after the other, those of two tables in parallel.
//
// A capture that is to be cut to what is recent is written in generations:
// every batch says by Batch.Generation in which it belongs, the segments
// of all tables of generation n are those numbered n, and Finish, Drop and Dump
// speak of generations. In a tar, which is only written at its end, a generation
// is not one segment but several, with numbers of their own; Drop and Dump fail.
type Writer struct {
	destination  destination
	opt          WriterOptions
	parentPath   string // what it is in
	manifest     Manifest
	segmentBytes int64 // bytes of a segment
	written      atomic.Int64

	// mu is held for moments only, never while a file is written.
	mu                 sync.Mutex
	tables             map[string]*tableWriter
	closed             bool
	syncing            bool  // Sync was called
	syncErr            error // the first of Sync
	finishedGeneration int   // the last generation that Finish was called for
	latestTS           int64 // the greatest ts of any event

	generations map[int]*generation // those not finished
}

// Create begins a capture at path: a file if it ends in .tar, standard output
// as a tar if it is "-", else a directory. What the manifest says of host and
// kernel goes into every segment too. The manifest is written at once, so a
// capture that is never closed says that it is incomplete.
// An existing path is an error, fs.ErrExist, unless opt.Force. When Create fails
// it leaves nothing behind.
func Create(path string, m Manifest, opt WriterOptions) (*Writer, error) {
	m.Format, m.Complete = Current, false
	w := &Writer{
		opt:          opt,
		parentPath:   filepath.Dir(path),
		manifest:     m,
		segmentBytes: cmp.Or(opt.SegmentBytes, defaultSegmentBytes),
		tables:       map[string]*tableWriter{},

		generations: map[int]*generation{},
	}
	if !m.Start.IsZero() {
		w.latestTS = m.Start.UnixNano()
	}
	data, err := m.encode()
	if err == nil && !littleEndian {
		err = fmt.Errorf("on a big-endian machine: %w", errors.ErrUnsupported)
	}
	if err == nil {
		switch {
		case opt.Memory:
			var parent directory
			if parent, _, err = enterParent(path, &opt); err == nil {
				w.destination = newMemoryDestination(parent)
			}
		case path == "-" || strings.HasSuffix(path, ".tar"):
			w.segmentBytes = min(w.segmentBytes, tarSegmentBytes)
			w.destination, err = createTarDestination(path, opt, &w.written)
		default:
			w.destination, err = createDirectoryDestination(path, opt)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("creating capture %s: %w", path, err)
	}
	if err := w.destination.writeManifest(data, false); err != nil {
		return nil, errors.Join(fmt.Errorf("creating capture %s: %w", path, err), w.destination.abort())
	}
	return w, nil
}

// table returns the writer of the table of s.
func (w *Writer) table(s *Schema) (*tableWriter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, fs.ErrClosed
	}
	t := w.tables[s.Table]
	if t == nil {
		if err := s.check(); err != nil {
			return nil, err
		}
		t = &tableWriter{name: s.Table, metadata: w.manifest.SchemaMetadata(s.Table)}
		t.encoder = newEncoder(s, t.metadata)
		w.tables[s.Table] = t
	}
	if !t.encoder.schema.equal(s) {
		return nil, errors.New("other columns than the batches before")
	}
	return t, nil
}

// Append writes b as one record batch of its table, compressed with codec, in
// one write(2); in a tar, when the segment is full or flushed. A batch of no
// rows writes nothing. b may be used again after.
//
// A batch of a later generation than the one before finishes the table's
// segment and begins the next. It is an error to go back to an earlier one, or
// to one that Finish was called for; nothing is written then.
//
// An error of the file system, such as a full disk, is final for the table:
// what was written before stays readable, and every later Append of the table
// returns it again.
func (w *Writer) Append(b *Batch, codec Codec) error {
	if b.Rows == 0 {
		return nil
	}
	t, err := w.table(b.Schema)
	if err == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		if err = w.append(t, b, codec); t.err != nil {
			w.mu.Lock()
			t.brokenFrom = cmp.Or(t.brokenFrom, b.Generation, t.generation, 1)
			w.mu.Unlock()
		}
	}
	if err != nil {
		return fmt.Errorf("appending to table %s: %w", b.Schema.Table, err)
	}
	return nil
}

func (w *Writer) append(t *tableWriter, b *Batch, codec Codec) error {
	if err := b.check(); err != nil {
		return err
	}
	if t.err != nil {
		return t.err
	}
	if err := w.checkGeneration(t, b.Generation); err != nil {
		return err
	}
	message, metadata, err := t.encoder.batch(b, codec)
	if err != nil {
		return err
	}
	if b.Generation > t.generation {
		w.finish(t)
	}
	if t.file == nil {
		w.begin(t, b.Generation)
	}
	if t.err != nil {
		return t.err
	}
	at := location{t.segment.bytes, int32(metadata), int64(len(message) - metadata)}
	if w.write(t, message); t.err != nil {
		return t.err
	}
	t.batches = append(t.batches, at)
	w.count(t, b)
	if b.Generation == 0 && (t.segment.bytes >= w.segmentBytes || len(t.batches) >= maxSegmentBatches) ||
		w.destination.buffered() && t.segment.bytes >= w.segmentBytes {
		w.finish(t)
	}
	return t.err
}

// Written returns the bytes written so far, in a tar with those still to be
// flushed, and with those that were dropped.
func (w *Writer) Written() int64 { return w.written.Load() }

// MemoryBytes returns how much memory the segments take that are kept there,
// see WriterOptions.Memory.
func (w *Writer) MemoryBytes() int64 {
	if m, ok := w.destination.(*memoryDestination); ok {
		return m.usedBytes()
	}
	return 0
}

// Tables returns what was written so far and was not dropped, by table, and
// what was lost, by family, as far as the loss table has it.
func (w *Writer) Tables() map[string]TableInfo {
	w.mu.Lock()
	defer w.mu.Unlock()
	sums := map[string]*totals{}
	for name, t := range w.tables {
		sum := t.flushed
		sum.lost = maps.Clone(sum.lost)
		for _, s := range t.segments {
			sum.add(s.totals)
		}
		sums[name] = &sum
	}
	return tableInfos(sums)
}

// sortedTables returns the tables by name.
func (w *Writer) sortedTables() []*tableWriter {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.SortedFunc(maps.Values(w.tables), func(a, b *tableWriter) int { return strings.Compare(a.name, b.name) })
}

// Flush writes what a tar has been given and still holds. Called once a second
// it makes a tar as safe against a crash as a directory is without it.
func (w *Writer) Flush() error {
	if !w.destination.buffered() {
		return nil
	}
	return w.finishAll(math.MaxInt, nil)
}

// finishAll ends all segments up to a generation and returns the first error of
// any table. Later batches are refused with closed, if it is not nil.
func (w *Writer) finishAll(generation int, closed error) (first error) {
	for _, t := range w.sortedTables() {
		t.mu.Lock()
		if t.generation <= generation {
			w.finish(t)
		}
		if t.err != nil && first == nil {
			first = fmt.Errorf("writing table %s: %w", t.name, t.err)
		}
		t.err = cmp.Or(t.err, closed)
		t.mu.Unlock()
	}
	return first
}

// Sync returns when everything that was appended before is on the disk, and
// would be there after a loss of power. From then on Close and Dump see to it
// too. It does not hold up Append.
//
// An error is final, because the kernel forgets what it could not write: every
// later Sync returns it again, as does Close, and the capture is not complete.
func (w *Writer) Sync() error {
	w.mu.Lock()
	w.syncing = true
	first := w.syncErr
	w.mu.Unlock()
	if first == nil {
		first = w.Flush()
	}
	if first == nil {
		if err := w.sync(); err != nil {
			first = fmt.Errorf("syncing capture: %w", err)
		}
	}
	w.mu.Lock()
	w.syncErr = cmp.Or(w.syncErr, first)
	w.mu.Unlock()
	return first
}

func (w *Writer) sync() error {
	w.mu.Lock()
	var segments []tableSegment
	for _, t := range w.tables {
		for _, s := range t.segments {
			if s.unsynced {
				s.unsynced = false
				segments = append(segments, tableSegment{s, t})
			}
		}
	}
	w.mu.Unlock()
	for _, s := range segments {
		if err := w.destination.syncSegment(s.table.name, s.number); err != nil {
			w.mu.Lock()
			dropped := s.dropped
			w.mu.Unlock()
			if !dropped {
				return err
			}
		}
	}
	return w.destination.sync()
}

// Close ends the segments and writes the final manifest. finish, if not nil,
// may fill in what only the end of a recording knows; it is given the manifest
// of Create with Start (of what was not dropped), End, Tables and Complete set.
// Complete stays false when anything could not be written. Close returns the
// first error of the capture. No Dump may be under way.
func (w *Writer) Close(finish func(*Manifest)) error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return fmt.Errorf("closing capture: %w", fs.ErrClosed)
	}
	first := w.finishAll(math.MaxInt, fs.ErrClosed)
	m := w.manifest
	w.mu.Lock()
	if segments, err := w.segmentsBetween(0, math.MaxInt); err == nil {
		m.Start = w.startOf(segments)
	}
	syncs, failed := w.syncing, w.syncErr
	w.mu.Unlock()
	first = cmp.Or(first, failed)
	var err error
	if syncs && failed == nil {
		err = w.sync()
	}
	m.End, m.Tables, m.Complete = time.Now().UTC(), w.Tables(), true
	if finish != nil {
		finish(&m)
	}
	m.Format, m.Complete = Current, m.Complete && first == nil && err == nil
	data, encodeErr := m.encode()
	err = errors.Join(err, encodeErr)
	if encodeErr == nil {
		err = errors.Join(err, w.destination.writeManifest(data, true))
	}
	if syncs {
		err = errors.Join(err, w.destination.sync())
	}
	if err = errors.Join(err, w.destination.close()); err != nil && first == nil {
		first = fmt.Errorf("closing capture: %w", err)
	}
	return first
}

// Abort gives the capture up and removes all that Create and Append made, for a
// recording that could not be started, or of which only dumps are wanted. What
// Create replaced is not brought back. No Dump may be under way.
func (w *Writer) Abort() error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return fmt.Errorf("removing capture: %w", fs.ErrClosed)
	}
	var errs []error
	for _, t := range w.sortedTables() {
		t.mu.Lock()
		if t.file != nil {
			t.file.discard()
			t.file = nil
		}
		t.err = fs.ErrClosed
		t.mu.Unlock()
		if !w.destination.buffered() {
			for _, s := range t.segments {
				errs = append(errs, w.destination.removeSegment(t.name, s.number))
			}
		}
	}
	if err := errors.Join(append(errs, w.destination.abort())...); err != nil {
		return fmt.Errorf("removing capture: %w", err)
	}
	return nil
}
