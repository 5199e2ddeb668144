// SPDX-License-Identifier: Apache-2.0

package format

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const tarBlock = 512

// openTarFile opens a tar of a capture.
func openTarFile(path string) (*Capture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening capture %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening capture %s: %w", path, err)
	}
	return openTar(path, f, info.Size(), f.Close)
}

// OpenTar opens a tar of a capture in size bytes of r, which it does not close.
func OpenTar(r io.ReaderAt, size int64) (*Capture, error) {
	return openTar("tar", r, size, func() error { return nil })
}

// OpenStream opens a tar of a capture that can only be read once, from the
// start to the end. It is copied to a temporary file without a name, which is
// gone when the capture is closed; unless r is a file itself, as standard input
// can be, and at its start.
func OpenStream(r io.Reader) (*Capture, error) {
	const name = "-"
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			if at, err := f.Seek(0, io.SeekCurrent); err == nil && at == 0 {
				return openTar(name, f, info.Size(), func() error { return nil })
			}
		}
	}
	// A look at the first block keeps an endless stream of something else from
	// filling the disk.
	first := make([]byte, tarBlock)
	n, err := io.ReadFull(r, first)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("opening capture %s: %w", name, err)
	}
	if _, err := tar.NewReader(bytes.NewReader(first[:n])).Next(); err != nil && err != io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("opening capture %s: %w", name, notTar(bytes.NewReader(first[:n])))
	}
	spool, err := os.CreateTemp("", "fletch-*.tar")
	if err != nil {
		return nil, fmt.Errorf("opening capture %s: %w", name, err)
	}
	// Where an open file cannot be removed it is when it is closed.
	removed := os.Remove(spool.Name()) == nil
	closer := func() error {
		err := spool.Close()
		if !removed {
			err = errors.Join(err, os.Remove(spool.Name()))
		}
		return err
	}
	size, err := io.Copy(spool, io.MultiReader(bytes.NewReader(first[:n]), r))
	if err != nil {
		closer()
		return nil, fmt.Errorf("opening capture %s: %w", name, err)
	}
	return openTar(name, spool, size, closer)
}

func openTar(name string, r io.ReaderAt, size int64, closer func() error) (*Capture, error) {
	manifest, entries, damage, err := readTar(r, size)
	if err != nil {
		closer()
		return nil, fmt.Errorf("opening capture %s: %w", name, err)
	}
	return newCapture(name, manifest, entries, damage, closer)
}

// tarCapture is what of a tar lies below one directory.
type tarCapture struct {
	manifest []byte // the last one that is whole
	segments map[string]segmentFile
}

// readTar finds the capture in a tar, in place. A tar that was cut off has what
// comes before, and of its last segment what is there.
func readTar(r io.ReaderAt, size int64) (manifest []byte, entries []segmentFile, damage []error, err error) {
	file := io.NewSectionReader(r, 0, size)
	archive := tar.NewReader(file)
	captures := map[string]*tarCapture{}
	for n := 0; ; n++ {
		header, err := archive.Next()
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			if n == 0 {
				return nil, nil, nil, notTar(file)
			}
			damage = append(damage, fmt.Errorf("tar entry %d: %w", n+1, corrupt(err)))
			break
		}
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, nil, nil, err
		}
		if err := checkHeader(header); err != nil {
			return nil, nil, nil, fmt.Errorf("tar entry %q: %w: %w", header.Name, ErrCorrupt, err)
		}
		length := min(header.Size, size-offset)
		if header.Typeflag == tar.TypeReg {
			if err := addTarEntry(captures, r, header, offset, length); err != nil {
				return nil, nil, nil, err
			}
		}
		if length < header.Size {
			break // cut off
		}
	}
	c, err := chooseCapture(captures)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, e := range c.segments {
		entries = append(entries, e)
	}
	return c.manifest, entries, damage, nil
}

// checkHeader refuses what no tar of a capture has.
func checkHeader(h *tar.Header) error {
	if h.Typeflag == tar.TypeGNUSparse {
		return errors.New("sparse")
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return errors.New("sparse")
		}
	}
	if slices.Contains(strings.Split(h.Name, "/"), "..") {
		return errors.New("a path that leads out of the tar")
	}
	if h.Size < 0 {
		return errors.New("negative size")
	}
	return nil
}

// addTarEntry takes up an entry if it is part of a capture. A later entry of
// the same name replaces an earlier one, as it does when a tar is unpacked.
func addTarEntry(captures map[string]*tarCapture, r io.ReaderAt, h *tar.Header, offset, length int64) error {
	dir, base := path.Split(path.Clean(h.Name))
	if base == ManifestName {
		if length < h.Size || length > maxManifest {
			return nil
		}
		data := make([]byte, length)
		if err := readFull(r, data, offset); err != nil {
			return err
		}
		c := captureIn(captures, dir)
		if _, err := parseManifest(data); err == nil || errors.Is(err, ErrVersion) || c.manifest == nil {
			c.manifest = data
		}
		return nil
	}
	dir, parent := path.Split(path.Clean(dir))
	table, number, ok := segmentName(parent, base)
	if ok {
		name := table + "/" + base
		captureIn(captures, dir).segments[name] = segmentFile{table, number, name, io.NewSectionReader(r, offset, length), length}
	}
	return nil
}

func captureIn(captures map[string]*tarCapture, dir string) *tarCapture {
	dir = path.Clean(dir)
	c := captures[dir]
	if c == nil {
		c = &tarCapture{segments: map[string]segmentFile{}}
		captures[dir] = c
	}
	return c
}

// chooseCapture chooses the directory of the tar that is the capture: the only one
// with a manifest or, in a tar cut off before it, the only one with segments.
func chooseCapture(captures map[string]*tarCapture) (*tarCapture, error) {
	var with, without []*tarCapture
	for _, c := range captures {
		if c.manifest != nil {
			with = append(with, c)
		} else {
			without = append(without, c)
		}
	}
	if len(with) == 0 {
		with = without
	}
	switch len(with) {
	case 0:
		return nil, fmt.Errorf("%w: a tar without %s and without segments", ErrNotCapture, ManifestName)
	case 1:
		return with[0], nil
	}
	return nil, fmt.Errorf("%w: a tar of %d captures; unpack it and open one", ErrNotCapture, len(with))
}

// notTar says that r is no tar, and what it is if that is likely a mistake.
func notTar(r io.ReaderAt) error {
	var first [8]byte
	r.ReadAt(first[:], 0)
	for name, start := range map[string]string{
		"compressed by gzip; decompress it first":                 "\x1f\x8b",
		"compressed by zstd; decompress it first":                 "\x28\xb5\x2f\xfd",
		"compressed by xz; decompress it first":                   "\xfd7zXZ",
		"one Arrow file; open the directory of the whole capture": magic,
	} {
		if strings.HasPrefix(string(first[:]), start) {
			return fmt.Errorf("%w: %s", ErrNotCapture, name)
		}
	}
	return fmt.Errorf("%w: neither a directory nor a tar", ErrNotCapture)
}

// tarDestination writes a capture as a tar: segments that are whole, each an entry.
type tarDestination struct {
	opt      WriterOptions
	output   io.Writer
	file     file          // out, if Create created it
	parent   directory     // what file is in
	name     string        // of file, in it
	overhead *atomic.Int64 // counts what the tar adds to the segments

	mu   sync.Mutex
	size int64 // of whole entries
	torn error // the write that left half an entry behind
	free []*tarSegment
}

func createTarDestination(path string, opt WriterOptions, over *atomic.Int64) (destination, error) {
	t := &tarDestination{opt: opt, overhead: over, output: opt.Stdout}
	if path == "-" {
		if t.output == nil {
			t.output = os.Stdout
		}
		return t, nil
	}
	parent, name, err := enterParent(path, &opt)
	if err != nil {
		return nil, err
	}
	if err := t.createFile(parent, name); err != nil {
		parent.close()
		return nil, err
	}
	return t, nil
}

func (t *tarDestination) createFile(parent directory, name string) error {
	if t.opt.Force {
		info, err := parent.lstat(name)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%w: it is not a file", fs.ErrExist)
		}
		if err == nil {
			err = parent.remove(name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := parent.create(name)
	if err != nil {
		return err
	}
	if err := t.opt.chown(f.Chown); err != nil {
		return errors.Join(err, f.Close(), parent.remove(name))
	}
	t.output, t.file, t.parent, t.name = f, f, parent, name
	return nil
}

func (t *tarDestination) buffered() bool { return true }

// tarSegment is a segment in memory, after room for its header.
type tarSegment struct {
	destination *tarDestination
	name        string
	buf         []byte
}

func (t *tarDestination) createSegment(table string, n int) (segmentWriter, error) {
	s := &tarSegment{}
	t.mu.Lock()
	if n := len(t.free); n > 0 {
		s, t.free = t.free[n-1], t.free[:n-1]
	}
	t.mu.Unlock()
	*s = tarSegment{t, segmentPath(table, n), append(s.buf[:0], make([]byte, tarBlock)...)}
	return s, nil
}

func (s *tarSegment) Write(p []byte) (int, error) {
	s.buf = append(s.buf, p...)
	return len(p), nil
}

func (s *tarSegment) Truncate(size int64) error {
	s.buf = s.buf[:tarBlock+size]
	return nil
}

func (s *tarSegment) Close() error {
	err := s.destination.writeEntry(s.name, s.buf, false)
	s.discard()
	return err
}

func (s *tarSegment) discard() {
	s.destination.mu.Lock()
	s.destination.free = append(s.destination.free, s)
	s.destination.mu.Unlock()
}

func (t *tarDestination) writeManifest(data []byte, last bool) error {
	return t.writeEntry(ManifestName, append(make([]byte, tarBlock, tarBlock+len(data)+3*tarBlock), data...), last)
}

// entry writes one entry, of which b is room for the header and the content, in
// one write; the last one with the end of the tar.
func (t *tarDestination) writeEntry(name string, b []byte, last bool) error {
	content := int64(len(b) - tarBlock)
	var header bytes.Buffer
	err := tar.NewWriter(&header).WriteHeader(&tar.Header{
		Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: name, Size: content, Mode: 0o600,
		Uid: max(t.opt.UID, 0), Gid: max(t.opt.GID, 0), ModTime: time.Now().Truncate(time.Second),
	})
	if err != nil {
		return err
	}
	copy(b, header.Bytes())
	b = append(b, make([]byte, -len(b)&(tarBlock-1))...)
	if last {
		b = append(b, make([]byte, 2*tarBlock)...)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.torn != nil {
		return t.torn
	}
	n, err := t.output.Write(b)
	if err != nil {
		if n > 0 && !t.truncate() {
			t.torn = err
		}
		return err
	}
	t.size += int64(len(b))
	t.overhead.Add(int64(len(b)) - content)
	return nil
}

// truncate takes back half an entry, which only a file allows.
func (t *tarDestination) truncate() bool { return t.file != nil && t.file.Truncate(t.size) == nil }

var errTarNotRewritable = fmt.Errorf("a tar is only written at its end: %w", errors.ErrUnsupported)

func (t *tarDestination) removeSegment(string, int) error { return errTarNotRewritable }
func (t *tarDestination) exportSegment(string, int, *directoryDestination) error {
	return errTarNotRewritable
}

func (t *tarDestination) parentDirectory() directory    { return nil }
func (t *tarDestination) syncSegment(string, int) error { return nil }

// sync waits until all entries are on the disk, if they are in a file.
func (t *tarDestination) sync() error {
	if t.file == nil {
		return nil
	}
	return errors.Join(t.file.Sync(), syncFile(t.parent, "."))
}

func (t *tarDestination) close() error {
	if t.file == nil {
		return nil
	}
	return errors.Join(t.file.Close(), t.parent.close())
}

func (t *tarDestination) abort() error {
	if t.file == nil {
		return nil
	}
	return errors.Join(t.file.Close(), t.parent.remove(t.name), t.parent.close())
}
