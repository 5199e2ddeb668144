// SPDX-License-Identifier: Apache-2.0

package format

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// openTarFile opens a tar of a capture.
func (o Opener) openTarFile(path string) (*Capture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening capture %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening capture %s: %w", path, err)
	}
	return o.openTar(path, f, info.Size(), f.Close)
}

// OpenTar opens a tar of a capture in size bytes of r, which it does not close.
func OpenTar(r io.ReaderAt, size int64) (*Capture, error) {
	return Opener{}.openTar("tar", r, size, func() error { return nil })
}

// OpenStream opens a tar of a capture from a stream, which it copies to a temporary
// file that is removed when the capture is closed. If r is itself a regular file,
// as standard input can be, and at its beginning, it is read in place.
func OpenStream(r io.Reader) (*Capture, error) { return Opener{}.OpenStream(r) }

// OpenStream is OpenStream.
func (o Opener) OpenStream(r io.Reader) (*Capture, error) {
	const name = "-"
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			if at, err := f.Seek(0, io.SeekCurrent); err == nil && at == 0 {
				return o.openTar(name, f, info.Size(), func() error { return nil })
			}
		}
	}
	// The first block is checked so that an endless stream of something else does
	// not fill the disk.
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
	// Some systems cannot remove an open file; then it is removed after it is closed.
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
	return o.openTar(name, spool, size, closer)
}

func (o Opener) openTar(name string, r io.ReaderAt, size int64, closer func() error) (*Capture, error) {
	manifest, entries, damage, err := readTar(r, size)
	if err != nil {
		closer()
		return nil, fmt.Errorf("opening capture %s: %w", name, err)
	}
	c, err := o.newCapture(name, manifest, entries, damage, closer)
	if err == nil {
		c.tar = io.NewSectionReader(r, 0, size)
	}
	return c, err
}

// tarCapture is what a tar has below one of its directories.
type tarCapture struct {
	manifest []byte // the last complete one
	segments map[string]segmentFile
}

// readTar finds the segments of the capture in a tar, without copying them. Of a
// tar that was cut off, the last segment is incomplete.
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

// checkHeader returns an error for entries that no tar of a capture has.
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

// addTarEntry adds an entry to its capture, if it is part of one. A later entry of
// the same name replaces an earlier one, as when a tar is unpacked.
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
		content := io.NewSectionReader(r, offset, length)
		captureIn(captures, dir).segments[name] = segmentFile{table, number, name, content, length}
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

// chooseCapture returns the only directory of the tar that has a manifest or, if
// none has because the tar was cut off, the only one that has segments.
func chooseCapture(captures map[string]*tarCapture) (*tarCapture, error) {
	var candidates, withoutManifest []*tarCapture
	for _, c := range captures {
		if c.manifest != nil {
			candidates = append(candidates, c)
		} else {
			withoutManifest = append(withoutManifest, c)
		}
	}
	if len(candidates) == 0 {
		candidates = withoutManifest
	}
	switch len(candidates) {
	case 0:
		return nil, fmt.Errorf("%w: a tar without %s and without segments", ErrNotCapture, ManifestName)
	case 1:
		return candidates[0], nil
	}
	return nil, fmt.Errorf("%w: a tar of %d captures; unpack it and open one", ErrNotCapture, len(candidates))
}

// notTar returns ErrNotCapture for r, which is no tar. If r is of a kind that is
// easily mistaken for one, the error says what to do.
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
