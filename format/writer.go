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
	"path/filepath"
	"slices"
	"strconv"
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

const (
	defaultSegmentBytes = 64 << 20
	tarSegmentBytes     = 4 << 20
	// maxSegmentBatches keeps the footer well below maxFooter, where batches do
	// not say their segment. A generation may have forty times as many of a
	// table; beyond, its footer is not read, and it is all there but not complete.
	maxSegmentBatches = 1 << 16
)

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

// generation is what the tables have in common in one generation.
type generation struct {
	began int64 // ns since the Unix epoch
	bytes int64
}

// destination is where a capture goes: a directory, a tar, memory.
type destination interface {
	// createSegment begins segment number n, from 1, of a table.
	createSegment(table string, n int) (segmentWriter, error)
	// remove removes a segment that is closed.
	removeSegment(table string, n int) error
	// exportSegment writes a segment that is closed to a directory.
	exportSegment(table string, n int, to *directoryDestination) error
	// writeManifest writes or replaces capture.json; last says that nothing follows.
	writeManifest(data []byte, last bool) error
	// parentDirectory is what the capture is in, nil for a tar.
	parentDirectory() directory
	// buffered says that a segment is in memory until it is closed, and lost
	// when that fails.
	buffered() bool
	// syncSegment waits until a segment is on the disk, and sync for all else.
	syncSegment(table string, n int) error
	sync() error
	// close is called once, after the last manifest.
	close() error
	// abort is called instead of close and takes back all that was created and
	// not removed.
	abort() error
}

// segmentWriter is a segment being written.
type segmentWriter interface {
	io.Writer
	io.Closer
	// Truncate takes back what is beyond size.
	Truncate(size int64) error
	// discard is called instead of Close by Abort.
	discard()
}

// tableWriter writes one table.
type tableWriter struct {
	name string

	mu         sync.Mutex // of what is until the empty line
	encoder    *encoder
	metadata   []string      // metadata of every segment
	number     int           // of the last segment
	generation int           // of the last segment; number, unless batches say
	file       segmentWriter // nil between segments
	segment    *segmentInfo  // that file is
	batches    []location    // in file
	err        error         // the write that failed; nothing is written after it

	// Of Writer.mu.
	segments   []*segmentInfo // that are written and not dropped
	flushed    totals         // of segments of a tar, which are not in segments
	brokenFrom int            // the first generation of which err kept something out; 0 none
}

// segmentInfo is a segment that is there. All but the numbers is of Writer.mu.
type segmentInfo struct {
	number, generation int
	began              int64 // when the generation did, in ns since the Unix epoch; 0 unknown
	totals
	open     bool // being written
	complete bool // has its footer
	unsynced bool // was written to since Sync
	dumps    int  // that read it
	dropped  bool // to be removed when the last of dumps is done
}

// totals are what is in a segment, or in several.
type totals struct {
	rows, bytes int64
	segments    int
	lastTS      int64            // the greatest ts of an event, 0 if there is none
	lost        map[string]int64 // by family; of the loss table
}

func (t *totals) add(o totals) {
	t.rows += o.rows
	t.bytes += o.bytes
	t.segments += o.segments
	t.lastTS = max(t.lastTS, o.lastTS)
	for family, n := range o.lost {
		if t.lost == nil {
			t.lost = map[string]int64{}
		}
		t.lost[family] += n
	}
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
		m := &w.manifest
		t = &tableWriter{name: s.Table, metadata: []string{
			"fletch.table", s.Table,
			"fletch.format", m.Format.String(),
			"fletch.host", m.Host,
			"fletch.boot_id", m.BootID,
			"fletch.kernel", m.Kernel,
			"fletch.arch", m.Arch,
		}}
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

// checkGeneration returns an error if table t cannot go on in generation n.
func (w *Writer) checkGeneration(t *tableWriter, n int) error {
	w.mu.Lock()
	finished := w.finishedGeneration
	w.mu.Unlock()
	switch {
	case n == 0:
		return nil
	case n < t.generation, n <= finished, n == t.generation && t.file == nil && !w.destination.buffered():
		return fmt.Errorf("a batch of segment %d after segment %d was finished", n, max(t.generation, finished))
	}
	return nil
}

// begin begins a segment of t, of generation n unless that is 0.
func (w *Writer) begin(t *tableWriter, n int) {
	if t.err != nil {
		return
	}
	number := t.number + 1
	if n > 0 && !w.destination.buffered() {
		number = n
	}
	file, err := w.destination.createSegment(t.name, number)
	if err != nil {
		t.err = err
		return
	}
	t.file, t.number, t.generation = file, number, cmp.Or(n, number)
	t.segment = &segmentInfo{number: number, generation: t.generation, totals: totals{segments: 1}, open: true}
	w.mu.Lock()
	t.segments = append(t.segments, t.segment)
	if n > 0 {
		if w.generations[n] == nil {
			w.generations[n] = &generation{began: w.latestTS}
		}
		t.segment.began = w.generations[n].began
	}
	w.mu.Unlock()
	t.encoder.metadata = t.metadata
	if t.segment.began > 0 {
		// The manifest of a recording that was killed cannot say from when on the
		// capture still has everything.
		t.encoder.metadata = append(slices.Clip(t.metadata), metadataStart, strconv.FormatInt(t.segment.began, 10))
	}
	w.write(t, t.encoder.start())
}

// write appends p to the segment of t, all of it or nothing.
func (w *Writer) write(t *tableWriter, p []byte) {
	if t.err != nil {
		return
	}
	if _, t.err = t.file.Write(p); t.err != nil {
		// Not needed to read what is before, so it may fail.
		t.file.Truncate(t.segment.bytes)
		return
	}
	w.mu.Lock()
	t.segment.bytes += int64(len(p))
	t.segment.unsynced = true
	if g := w.generations[t.segment.generation]; g != nil {
		g.bytes += int64(len(p))
	}
	w.mu.Unlock()
	w.written.Add(int64(len(p)))
}

// count takes the batch that was written last into account.
func (w *Writer) count(t *tableWriter, b *Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := t.segment
	s.rows += int64(b.Rows)
	// A name may have been announced after the generation that it is written into had ended.
	if h := &t.encoder.header; h.hasTimeRange && b.Schema.Event() {
		s.lastTS = max(s.lastTS, h.maxTS)
		w.latestTS = max(w.latestTS, h.maxTS)
	}
	if t.name == LossSchema.Table && b.Schema.equal(LossSchema) {
		if s.lost == nil {
			s.lost = map[string]int64{}
		}
		addLost(s.lost, b)
	}
}

// finish ends the segment of t, if it has one. After an error it is left
// without footer, which Open takes for what it is.
func (w *Writer) finish(t *tableWriter) {
	if t.file == nil {
		return
	}
	if t.err == nil {
		w.write(t, t.encoder.end(t.batches))
	}
	whole := t.err == nil
	err := t.file.Close()
	t.err = cmp.Or(t.err, err)
	w.mu.Lock()
	t.segment.open, t.segment.complete = false, whole && err == nil
	if w.destination.buffered() {
		t.segments = t.segments[:0]
		if err == nil {
			t.flushed.add(t.segment.totals)
		}
	}
	w.mu.Unlock()
	t.file, t.segment, t.batches = nil, nil, t.batches[:0]
}

// Written returns the bytes written so far, in a tar with those still to be
// flushed, and with those that were dropped.
func (w *Writer) Written() int64 { return w.written.Load() }

// Bytes returns the bytes that a generation has so far, in all tables; 0 when it
// is finished.
func (w *Writer) Bytes(segment int) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.generations[segment]; g != nil {
		return g.bytes
	}
	return 0
}

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

// tableInfos puts sums by table into the words of a manifest.
func tableInfos(sums map[string]*totals) map[string]TableInfo {
	infos := map[string]TableInfo{}
	lost := map[string]int64{}
	for name, sum := range sums {
		infos[name] = TableInfo{Rows: sum.rows, Bytes: sum.bytes, Segments: sum.segments}
		maps.Copy(lost, sum.lost)
	}
	for name, n := range lost {
		info := infos[name]
		info.Lost = n
		infos[name] = info
	}
	return infos
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

// Finish ends the segments of the generations up to and with segment, in all
// tables: with their footers they are what every Arrow reader opens.
func (w *Writer) Finish(segment int) error {
	w.mu.Lock()
	w.finishedGeneration = max(w.finishedGeneration, segment)
	w.mu.Unlock()
	err := w.finishAll(segment, nil)
	w.mu.Lock()
	maps.DeleteFunc(w.generations, func(n int, _ *generation) bool { return n <= segment })
	w.mu.Unlock()
	return err
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

// tableSegment is a segment and its table.
type tableSegment struct {
	*segmentInfo
	table *tableWriter
}

// segmentsBetween returns the finished segments of the generations from..to, by
// generation, in each the names before the events. w.mu is held.
func (w *Writer) segmentsBetween(from, to int) ([]tableSegment, error) {
	var segments []tableSegment
	for _, t := range w.tables {
		for _, s := range t.segments {
			if s.generation >= from && s.generation <= to {
				segments = append(segments, tableSegment{s, t})
			}
		}
	}
	rank := func(p tableSegment) int {
		if p.table.encoder.schema.Event() {
			return 1
		}
		return 0
	}
	slices.SortFunc(segments, func(a, b tableSegment) int {
		return cmp.Or(cmp.Compare(a.generation, b.generation), rank(a)-rank(b), strings.Compare(a.table.name, b.table.name))
	})
	for _, s := range segments {
		if s.open {
			return nil, fmt.Errorf("segment %s is still being written", segmentPath(s.table.name, s.number))
		}
	}
	if w.destination.buffered() {
		return nil, errTarNotRewritable
	}
	return segments, nil
}

// Drop removes the generations up to and with segment, which must be finished,
// of all tables: the oldest first, and in each the events before the names that
// they refer to, so that no moment has events without them. On an error what
// could not be removed still counts as there, and the next Drop tries again.
func (w *Writer) Drop(segment int) error {
	if err := w.drop(segment); err != nil {
		return fmt.Errorf("removing the segments up to %d: %w", segment, err)
	}
	return nil
}

func (w *Writer) drop(generation int) error {
	w.mu.Lock()
	segments, err := w.segmentsBetween(0, generation)
	w.mu.Unlock()
	if err != nil {
		return err
	}
	for len(segments) > 0 {
		n := 1 // of the oldest generation
		for n < len(segments) && segments[n].generation == segments[0].generation {
			n++
		}
		for _, s := range slices.Backward(segments[:n]) {
			if err := w.dropSegment(s); err != nil {
				return err
			}
		}
		segments = segments[n:]
	}
	return nil
}

// dropSegment takes a segment out of the capture, and removes it unless a dump needs
// it, which then does so.
func (w *Writer) dropSegment(s tableSegment) error {
	w.mu.Lock()
	at := slices.Index(s.table.segments, s.segmentInfo)
	if at >= 0 {
		s.table.segments = slices.Delete(s.table.segments, at, at+1)
		s.dropped = true
	}
	now := at >= 0 && s.dumps == 0
	w.mu.Unlock()
	if !now {
		return nil
	}
	return w.removeSegment(s)
}

// removeSegment removes a segment that was taken out, or brings it back.
func (w *Writer) removeSegment(s tableSegment) error {
	err := w.destination.removeSegment(s.table.name, s.number)
	if err != nil {
		w.mu.Lock()
		s.dropped = false
		at, _ := slices.BinarySearchFunc(s.table.segments, s.number, func(o *segmentInfo, n int) int { return o.number - n })
		s.table.segments = slices.Insert(s.table.segments, at, s.segmentInfo)
		w.mu.Unlock()
	}
	return err
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
