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
	"strings"
)

// evidence is what the files tell of a directory or a tar that is to be replaced or
// removed: each must be part of a capture by its content, as far as a killed recorder
// or a full disk let it be written. Whoever has anything else there shall not lose it.
type evidence struct {
	empty  bool // no file, or one that the recorder had not begun to write
	proven bool // at least one file is a manifest or a segment
	flight bool // a flight recorder made it, by the manifest

	complete *Manifest       // of a recorder that finished; nil: there is none
	ids      map[string]bool // of recordings
	segments map[string]TableInfo
}

func newEvidence() *evidence {
	return &evidence{empty: true, ids: map[string]bool{}, segments: map[string]TableInfo{}}
}

// foreign is the error for a file that is not part of a capture.
func foreign(name string) error {
	return fmt.Errorf("%w: it holds %q, which is not part of a capture", fs.ErrExist, name)
}

// evidenceOf returns the files of a directory as captureFiles, and what they tell. It is
// an error unless they are empty, or a capture and nothing else.
func evidenceOf(root *os.Root) (names []string, c *evidence, err error) {
	if names, err = captureFiles(root); err != nil {
		return nil, nil, err
	}
	c = newEvidence()
	for _, name := range names {
		if err := c.addFile(root, name); err != nil {
			return nil, nil, err
		}
	}
	return names, c, c.check()
}

// addFile adds a file of captureFiles.
func (c *evidence) addFile(root *os.Root, name string) error {
	f, size, err := openRegular(root, name)
	if errors.Is(err, errNoFile) { // the directory of a table
		c.empty = false
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	c.empty = c.empty && size == 0 && name == manifestTemp
	return c.add(name, f, size)
}

// add adds the manifest or the segment of this name in the capture.
func (c *evidence) add(name string, r io.ReaderAt, size int64) error {
	dir, base := path.Split(name)
	if table, number, ok := segmentName(path.Clean(dir), base); ok {
		return c.addSegment(segmentFile{table, number, name, r, size})
	}
	data := make([]byte, min(size, maxManifest+1))
	if err := readFull(r, data, 0); err != nil {
		return err
	}
	return c.addManifest(name, data)
}

// manifestStart is what every manifest begins with that a recorder wrote.
const manifestStart = "{\n  \"format\": {"

func (c *evidence) addManifest(name string, data []byte) error {
	m, err := parseManifest(data)
	switch {
	case err == nil:
		c.flight = c.flight || m.isFlight()
		c.addID(m.ID)
		if m.Complete {
			c.complete = &m
		}
	case errors.Is(err, ErrVersion):
	case bytes.HasPrefix(data, []byte(manifestStart)) || strings.HasPrefix(manifestStart, string(data)):
		return nil // it was cut off, or damaged
	default:
		return foreign(name)
	}
	c.proven = true
	return nil
}

func (c *evidence) addSegment(f segmentFile) error {
	if f.size == 0 {
		return nil
	}
	s := readSegment(f.r, f.size, f.name, f.table, 0)
	if s.Damage != nil && !errors.Is(s.Damage, ErrCorrupt) {
		return s.Damage // it could not be read
	}
	switch {
	case s.schema == nil && s.Damage == nil: // it was cut off
	case s.schema == nil || s.schema.metadata["fletch.table"] != f.table:
		return foreign(f.name)
	default:
		c.proven = true
		c.addID(s.schema.metadata[metadataRecording])
	}
	sum := c.segments[f.table]
	sum.Segments++
	sum.Bytes += f.size
	c.segments[f.table] = sum
	return nil
}

func (c *evidence) addID(id string) {
	if id != "" {
		c.ids[id] = true
	}
}

// check returns an error unless what was added is a capture, or empty: it has a
// manifest or a segment, all of one recording, and a recorder that finished has
// written no less than there is.
func (c *evidence) check() error {
	switch {
	case c.empty:
		return nil
	case !c.proven:
		return fmt.Errorf("%w: it is not a capture, having no %s", fs.ErrExist, ManifestName)
	case len(c.ids) > 1:
		return fmt.Errorf("%w: it holds segments of another recording", fs.ErrExist)
	case c.complete == nil:
		return nil
	}
	for table, has := range c.segments {
		if wrote := c.complete.Tables[table]; has.Bytes > wrote.Bytes || has.Segments > wrote.Segments {
			return fmt.Errorf("%w: table %s is longer than what was recorded", fs.ErrExist, table)
		}
	}
	return nil
}

// evidenceOfTar returns what the entries of a tar tell. It is an error unless it is a capture and
// nothing else.
func evidenceOfTar(r io.ReaderAt, size int64) (*evidence, error) {
	c := newEvidence()
	c.empty = false
	place := tarPlace{}
	file := io.NewSectionReader(r, 0, size)
	archive := tar.NewReader(file)
	end := int64(0) // of the entries
	for end < size {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil || checkHeader(h) != nil {
			return nil, fmt.Errorf("%w: it is not a tar of a capture and nothing else", fs.ErrExist)
		}
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		length := min(h.Size, size-offset) // less: it was cut off
		name, err := place.of(h)
		if err == nil && name != "" {
			err = c.add(name, io.NewSectionReader(r, offset, length), length)
		}
		if err != nil {
			return nil, err
		}
		last := offset + h.Size
		end = min(size, last+-last&(tarBlock-1))
		if err := checkZero(r, min(size, last), end); err != nil {
			return nil, err
		}
	}
	if err := place.checkDirectories(); err != nil {
		return nil, err
	}
	if err := checkZero(r, end, size); err != nil {
		return nil, err
	}
	return c, c.check()
}

// checkZero returns an error unless a part of a tar that belongs to no file is zeros.
func checkZero(r io.ReaderAt, from, to int64) error {
	zero, err := isZero(r, from, to)
	if err == nil && !zero {
		err = fmt.Errorf("%w: it holds something after its entries, which is not part of a capture", fs.ErrExist)
	}
	return err
}

// tarPlace is the directory in a tar that a capture is in.
type tarPlace struct {
	dir         string // "": not known yet
	directories []string
}

// of returns the name of an entry in the capture, "" for a directory.
func (p *tarPlace) of(h *tar.Header) (name string, err error) {
	full := path.Clean(h.Name)
	dir, base := path.Split(full)
	dir = path.Clean(dir)
	switch {
	case h.Typeflag == tar.TypeDir:
		p.directories = append(p.directories, full)
		return "", nil
	case h.Typeflag != tar.TypeReg:
		return "", foreign(h.Name)
	case base == ManifestName:
		name = base
	default:
		if _, _, ok := segmentName(path.Base(dir), base); !ok {
			return "", foreign(h.Name)
		}
		name = path.Base(dir) + "/" + base
		dir = path.Dir(dir)
	}
	if p.dir == "" {
		p.dir = dir
	}
	if p.dir != dir {
		return "", foreign(h.Name)
	}
	return name, nil
}

// checkDirectories returns an error unless all directories of the tar lead to the
// capture, or are those of its tables.
func (p *tarPlace) checkDirectories() error {
	for _, d := range p.directories {
		table := path.Dir(d) == p.dir && validName(path.Base(d))
		if d != "." && !table && !strings.HasPrefix(p.dir+"/", d+"/") {
			return foreign(d)
		}
	}
	return nil
}
