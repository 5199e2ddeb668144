// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
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
	// SegmentBytes is the size at which a table goes on in its next segment;
	// 0 is 64 MiB. Segments in a tar are held in memory until they are whole
	// and are at most 4 MiB and one batch.
	SegmentBytes int64
	// UID and GID are given the files and directories; 0 and -1 leave them with
	// whoever runs the program. It takes CAP_CHOWN and, because the directories
	// are then somebody else's, CAP_DAC_OVERRIDE, until Close.
	UID, GID int
}

const (
	defaultSegmentBytes = 64 << 20
	tarSegmentBytes     = 4 << 20
	// maxSegmentBatches keeps the footer well below maxFooter.
	maxSegmentBatches = 1 << 16
)

// Writer writes a capture. Its methods may be called at the same time; batches
// of one table are written one after the other, those of two tables in parallel.
type Writer struct {
	sink     sink
	manifest Manifest
	limit    int64 // bytes of a segment
	written  atomic.Int64

	mu     sync.Mutex // of tables and closed
	tables map[string]*tableWriter
	closed bool
}

// sink is where a capture goes: a directory or a tar.
type sink interface {
	// segment begins segment number n, from 1, of a table.
	segment(table string, n int) (segmentFile, error)
	// manifest writes or replaces capture.json; last says that nothing follows.
	manifest(data []byte, last bool) error
	// buffered says that a segment is in memory until it is closed, and lost
	// when that fails.
	buffered() bool
	// close is called once, after the last manifest.
	close() error
	// abort is called instead of close and takes back all that was created.
	abort() error
}

// segmentFile is a segment being written.
type segmentFile interface {
	io.WriteCloser
	// Truncate takes back what is beyond size.
	Truncate(size int64) error
	// discard is called instead of Close by Abort.
	discard()
}

// tableWriter writes one table.
type tableWriter struct {
	mu      sync.Mutex
	encoder *encoder
	info    TableInfo
	lost    map[string]int64 // by family; of the loss table

	file    segmentFile // nil between segments
	size    int64       // of file: whole messages
	rows    int64       // in file
	batches []location  // in file
	err     error       // the write that failed; nothing is written after it
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
		manifest: m,
		limit:    cmp.Or(opt.SegmentBytes, defaultSegmentBytes),
		tables:   map[string]*tableWriter{},
	}
	data, err := m.encode()
	if err == nil && !littleEndian {
		err = fmt.Errorf("on a big-endian machine: %w", errors.ErrUnsupported)
	}
	if err == nil {
		if path == "-" || strings.HasSuffix(path, ".tar") {
			w.limit = min(w.limit, tarSegmentBytes)
			w.sink, err = createTar(path, opt, &w.written)
		} else {
			w.sink, err = createDirectory(path, opt)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("creating capture %s: %w", path, err)
	}
	if err := w.sink.manifest(data, false); err != nil {
		return nil, errors.Join(fmt.Errorf("creating capture %s: %w", path, err), w.sink.abort())
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
		t = &tableWriter{encoder: newEncoder(s, []string{
			"fletch.table", s.Table,
			"fletch.format", m.Format.String(),
			"fletch.host", m.Host,
			"fletch.boot_id", m.BootID,
			"fletch.kernel", m.Kernel,
			"fletch.arch", m.Arch,
		})}
		if s.Table == LossSchema.Table && s.equal(LossSchema) {
			t.lost = map[string]int64{}
		}
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
		err = w.append(t, b, codec)
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
	message, metadata, err := t.encoder.batch(b, codec)
	if err != nil {
		return err
	}
	if t.file == nil {
		t.file, t.err = w.sink.segment(b.Schema.Table, t.info.Segments+1)
		if t.err != nil {
			return t.err
		}
		t.info.Segments++
		w.write(t, t.encoder.start())
	}
	at := location{t.size, int32(metadata), int64(len(message) - metadata)}
	if w.write(t, message); t.err != nil {
		return t.err
	}
	t.batches = append(t.batches, at)
	t.rows += int64(b.Rows)
	t.info.Rows += int64(b.Rows)
	if t.lost != nil {
		addLost(t.lost, b)
	}
	if t.size >= w.limit || len(t.batches) >= maxSegmentBatches {
		w.finish(t)
	}
	return t.err
}

// write appends p to the segment of t, all of it or nothing.
func (w *Writer) write(t *tableWriter, p []byte) {
	if t.err != nil {
		return
	}
	if _, t.err = t.file.Write(p); t.err != nil {
		// Not needed to read what is before, so it may fail.
		t.file.Truncate(t.size)
		return
	}
	t.size += int64(len(p))
	t.info.Bytes += int64(len(p))
	w.written.Add(int64(len(p)))
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
	if err := t.file.Close(); err != nil {
		t.err = cmp.Or(t.err, err)
		if w.sink.buffered() {
			t.info.Rows -= t.rows
			t.info.Bytes -= t.size
			t.info.Segments--
		}
	}
	t.file, t.size, t.rows, t.batches = nil, 0, 0, t.batches[:0]
}

// Written returns the bytes written so far, in a tar with those still to be flushed.
func (w *Writer) Written() int64 { return w.written.Load() }

// Tables returns what was written so far, by table, and what was lost, by
// family, as far as it was written to the loss table.
func (w *Writer) Tables() map[string]TableInfo {
	infos := map[string]TableInfo{}
	lost := map[string]int64{}
	for name, t := range w.sorted() {
		t.mu.Lock()
		infos[name] = t.info
		maps.Copy(lost, t.lost)
		t.mu.Unlock()
	}
	for name, n := range lost {
		info := infos[name]
		info.Lost = n
		infos[name] = info
	}
	return infos
}

// sorted returns the tables by name, in order.
func (w *Writer) sorted() func(func(string, *tableWriter) bool) {
	w.mu.Lock()
	tables := maps.Clone(w.tables)
	w.mu.Unlock()
	return func(yield func(string, *tableWriter) bool) {
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			if !yield(name, tables[name]) {
				return
			}
		}
	}
}

// Flush writes what a tar has been given and still holds. Called once a second
// it makes a tar as safe against a crash as a directory is without it.
func (w *Writer) Flush() error {
	if !w.sink.buffered() {
		return nil
	}
	return w.finishAll(nil)
}

// finishAll ends all segments and returns the first error of any table. Later
// batches are refused with closed, if it is not nil.
func (w *Writer) finishAll(closed error) (first error) {
	for name, t := range w.sorted() {
		t.mu.Lock()
		w.finish(t)
		if t.err != nil && first == nil {
			first = fmt.Errorf("writing table %s: %w", name, t.err)
		}
		t.err = cmp.Or(t.err, closed)
		t.mu.Unlock()
	}
	return first
}

// Close ends the segments and writes the final manifest. finish, if not nil,
// may fill in what only the end of a recording knows; it is given the manifest
// of Create with End, Tables and Complete set. Complete stays false when
// anything could not be written. Close returns the first error of the capture.
func (w *Writer) Close(finish func(*Manifest)) error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return fmt.Errorf("closing capture: %w", fs.ErrClosed)
	}
	first := w.finishAll(fs.ErrClosed)
	m := w.manifest
	m.End, m.Tables, m.Complete = time.Now().UTC(), w.Tables(), true
	if finish != nil {
		finish(&m)
	}
	m.Format, m.Complete = Current, m.Complete && first == nil
	data, err := m.encode()
	if err == nil {
		err = w.sink.manifest(data, true)
	}
	if err = errors.Join(err, w.sink.close()); err != nil && first == nil {
		first = fmt.Errorf("closing capture: %w", err)
	}
	return first
}

// Abort gives the capture up and removes all that Create and Append made, for a
// recording that could not be started. What Create replaced is not brought back.
func (w *Writer) Abort() error {
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return fmt.Errorf("removing capture: %w", fs.ErrClosed)
	}
	for _, t := range w.sorted() {
		t.mu.Lock()
		if t.file != nil {
			t.file.discard()
			t.file = nil
		}
		t.err = fs.ErrClosed
		t.mu.Unlock()
	}
	if err := w.sink.abort(); err != nil {
		return fmt.Errorf("removing capture: %w", err)
	}
	return nil
}
