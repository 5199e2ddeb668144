// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"crypto/sha256"
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

// WriterOptions are the options of Create. The zero value has the defaults.
type WriterOptions struct {
	// Force lets Create replace a capture: a tar of one, or a directory that has
	// nothing else in it. What is empty is replaced too if it belongs to this user.
	// Anything else is never changed.
	Force bool
	// Parent is the directory that the capture is in, already open; of the path
	// given to Create only the last element is then used. It must stay open as long
	// as the Writer is used. nil: it is opened by its path.
	Parent *os.Root
	// Stdout is what the path "-" writes to; nil is os.Stdout.
	Stdout io.Writer
	// SegmentBytes is the size from which a table continues in a new segment, for
	// batches without a generation; 0 is 64 MiB. Segments of a tar are kept in
	// memory until they are complete, and are at most 4 MiB and one batch.
	SegmentBytes int64
	// WholeSegments makes each generation one segment, with its number, also in a tar,
	// which then keeps segments in memory whatever their size.
	WholeSegments bool
	// NeverDrops is for a recording in generations that never calls Drop and Dump: of
	// finished generations the Writer then keeps no more than totals and checksums.
	NeverDrops bool
	// Syncs announces that Sync will be called, so that Close ensures from the beginning
	// what it does after the first Sync.
	Syncs bool
	// Memory keeps the segments in memory, from where only Dump writes them to
	// disk. Nothing is created at the path given to Create.
	Memory bool

	openDirectory func(path string) (directory, error) // nil is openOSDirectory; tests replace it
}

// Writer writes a capture. Its methods may be called concurrently; batches of one
// table are written one after the other, those of two tables in parallel.
//
// To be able to drop old rows, write the capture in generations: set
// Batch.Generation. The rows of generation n of each table are then in its segment
// number n, and Finish, Drop and Dump apply to whole generations. In a tar, to
// which can only be appended, a generation may have several segments, with numbers
// of their own, and Drop and Dump fail.
type Writer struct {
	destination  destination
	opt          WriterOptions
	parentPath   string // of the directory that the capture is in
	manifest     Manifest
	segmentBytes int64 // see WriterOptions.SegmentBytes
	written      atomic.Int64

	// mu is held briefly, never while a file is written.
	mu                 sync.Mutex
	tables             map[string]*tableWriter
	closed             bool
	syncing            bool  // Sync was called, or will be
	syncErr            error // the first error of Sync
	segmentErr         error // a segment was removed; see CheckPlace
	nextChecked        int   // by CheckPlace, of the finished segments
	finishedGeneration int   // the last generation that Finish was called for
	latestTS           int64 // the greatest ts of any event

	generations map[int]*generation // that are not finished
	checksums   int                 // of all tables
	forgot      bool                // segments of finished generations are only in tableWriter.flushed
}

// Create begins a capture at path: a tar file if it ends in .tar, a tar on standard
// output if it is "-", and else a directory. The manifest is written at once, with
// Complete false, and again by Close; each segment gets a copy of its id, host,
// kernel and format. Without an ID it gets a new one.
// If path exists Create fails with fs.ErrExist, unless opt.Force is set. When it
// fails it leaves nothing behind.
func Create(path string, m Manifest, opt WriterOptions) (*Writer, error) {
	m.Format, m.Complete, m.SHA256 = Current, false, nil
	m.ID = cmp.Or(m.ID, newID())
	w := &Writer{
		opt:          opt,
		parentPath:   filepath.Dir(path),
		manifest:     m,
		segmentBytes: cmp.Or(opt.SegmentBytes, defaultSegmentBytes),
		tables:       map[string]*tableWriter{},

		generations: map[int]*generation{},
		syncing:     opt.Syncs,
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
		t = &tableWriter{name: s.Table, metadata: w.manifest.SchemaMetadata(s.Table), sha256: sha256.New()}
		t.encoder = newEncoder(s, t.metadata)
		w.tables[s.Table] = t
	}
	if !t.encoder.schema.equal(s) {
		return nil, errors.New("other columns than the batches before")
	}
	return t, nil
}

// Append writes b as one record batch of its table, compressed with codec, by one
// write(2); in a tar, once the segment is full or flushed. A batch without rows
// writes nothing. b may be reused afterwards.
//
// A batch of a later generation than the one before finishes the segment of the
// table and begins a new one. It is an error, and nothing is written, if its
// generation is an earlier one, or one that Finish was called for.
//
// An error of the file system, such as a full disk, is final for the table: what
// was written before can be read, and every later Append to the table returns the
// same error.
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
	if errors.Is(err, fs.ErrNotExist) {
		err = cmp.Or(w.CheckPlace(), err)
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
		w.destination.buffered() && t.segment.bytes >= w.segmentBytes && !w.opt.WholeSegments {
		w.finish(t)
	}
	return t.err
}

// Directories opens the directories that the Writer still uses, also by way of others
// that are open: output, in which it makes, renames, links and removes files, and
// around, in which it only removes the capture itself. nil: there is none. The caller
// closes them.
func (w *Writer) Directories() (output, around *os.File, err error) {
	var names [2]directory
	switch d := w.destination.(type) {
	case *directoryDestination:
		names = [2]directory{d.dir, d.parent}
	case *memoryDestination:
		names[0] = d.parent
	case *tarDestination:
		names[1] = d.parent
	}
	var files [2]*os.File
	for i, in := range names {
		if in == nil {
			continue
		}
		f, err := in.open(".")
		if err != nil {
			return nil, nil, errors.Join(err, files[0].Close())
		}
		files[i] = f.(*os.File)
	}
	return files[0], files[1], nil
}

// Written returns how many bytes were written so far, including those of dropped
// generations and, in a tar, those that are not flushed yet.
func (w *Writer) Written() int64 { return w.written.Load() }

// MemoryBytes returns the size of the segments that WriterOptions.Memory keeps in
// memory; 0 without it.
func (w *Writer) MemoryBytes() int64 {
	if m, ok := w.destination.(*memoryDestination); ok {
		return m.usedBytes()
	}
	return 0
}

// Tables returns the size of each table, without dropped generations, and how many
// events of each family were lost according to the loss table.
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
	byName := func(a, b *tableWriter) int { return strings.Compare(a.name, b.name) }
	return slices.SortedFunc(maps.Values(w.tables), byName)
}

// Flush writes the segments of a tar that are still in memory. A program that
// calls it once a second loses no more of a tar when it is killed than that; a
// directory needs no Flush.
func (w *Writer) Flush() error {
	if !w.destination.buffered() {
		return nil
	}
	return w.finishAll(math.MaxInt, nil)
}

// finishAll finishes the segments of all generations up to the given one, and
// returns the first error of any table. If closed is not nil, later batches are
// refused with it.
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

// Sync returns when everything that was appended before is on disk, so that it
// would survive a power failure. After the first Sync, Close and Dump ensure that
// too. Append is not blocked meanwhile.
//
// An error is final, because the kernel reports only once that it failed to write a
// page: every later Sync, and Close, return it again, and the capture is not complete.
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

// Close finishes the segments and writes the final manifest. finish, if not nil,
// is called with the manifest given to Create, in which Start (of what was not
// dropped), End, Tables and Complete are set, and may fill in more. Complete is
// false if anything could not be written, or was removed. Close returns the first error of the
// capture. It must not be called during a Dump.
func (w *Writer) Close(finish func(*Manifest)) error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return fmt.Errorf("closing capture: %w", fs.ErrClosed)
	}
	first := cmp.Or(w.finishAll(math.MaxInt, fs.ErrClosed), w.checkSegments(1<<30))
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
	m.End, m.Tables, m.SHA256, m.Complete = time.Now().UTC(), w.Tables(), w.allChecksums(), true
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

// Abort removes everything that Create and Append wrote, for a recording that could
// not be started or of which only the dumps are kept. What Create replaced is not
// restored. It must not be called during a Dump.
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
			for n := 1; n <= t.lastForgotten; n++ {
				if err := w.destination.removeSegment(t.name, n); !errors.Is(err, fs.ErrNotExist) {
					errs = append(errs, err)
				}
			}
		}
	}
	if err := errors.Join(append(errs, w.destination.abort())...); err != nil {
		return fmt.Errorf("removing capture: %w", err)
	}
	return nil
}
