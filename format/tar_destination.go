// SPDX-License-Identifier: Apache-2.0

package format

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const tarBlock = 512

// tarDestination writes a capture as a tar, in which each complete segment is an
// entry.
type tarDestination struct {
	output   io.Writer
	file     file          // output, if it is a file that Create made
	parent   directory     // that file is in
	name     string        // of file in parent
	overhead *atomic.Int64 // to which the bytes of headers and padding are added

	mu   sync.Mutex
	size int64 // of the complete entries
	torn error // of a write that left an incomplete entry; no entry can follow it
	free []*tarSegment
}

func createTarDestination(path string, opt WriterOptions, overhead *atomic.Int64) (destination, error) {
	t := &tarDestination{overhead: overhead, output: opt.Stdout}
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
	if opt.Force {
		err = removeTar(parent, name)
	}
	if err == nil {
		err = t.createFile(parent, name)
	}
	if err != nil {
		parent.close()
		return nil, err
	}
	return t, nil
}

func (t *tarDestination) createFile(parent directory, name string) error {
	f, err := parent.create(name)
	if err != nil {
		return err
	}
	t.output, t.file, t.parent, t.name = f, f, parent, name
	return nil
}

func (t *tarDestination) buffered() bool { return true }

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

func (t *tarDestination) writeManifest(data []byte, last bool) error {
	return t.writeEntry(ManifestName, append(make([]byte, tarBlock, tarBlock+len(data)+3*tarBlock), data...), last)
}

// writeEntry writes an entry with one write; with the last entry, the end of the tar.
// b is a block for the header, followed by the content.
func (t *tarDestination) writeEntry(name string, b []byte, last bool) error {
	content := int64(len(b) - tarBlock)
	var header bytes.Buffer
	err := tar.NewWriter(&header).WriteHeader(&tar.Header{
		Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: name, Size: content, Mode: 0o600,
		ModTime: time.Now().Truncate(time.Second),
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

// truncate removes an incomplete entry, if the output is a file, and reports
// whether it could.
func (t *tarDestination) truncate() bool { return t.file != nil && t.file.Truncate(t.size) == nil }

func (t *tarDestination) removeSegment(string, int) error { return errTarNotRewritable }

func (t *tarDestination) exportSegment(string, int, *directoryDestination) error {
	return errTarNotRewritable
}

func (t *tarDestination) parentDirectory() directory { return nil }

func (t *tarDestination) syncSegment(string, int) error { return nil }

// sync waits until all entries are on disk, if the output is a file.
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

// tarSegment is a segment in memory. buf begins with a block for the entry's header.
type tarSegment struct {
	destination *tarDestination
	name        string
	buf         []byte
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

var errTarNotRewritable = fmt.Errorf("a tar is only written at its end: %w", errors.ErrUnsupported)
