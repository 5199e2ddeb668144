// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Capture is an open capture. Its methods are safe for concurrent use.
type Capture struct {
	// Manifest is capture.json. If the recording was never finished, or the number
	// of rows is not the one in the manifest, Complete is false, and Tables and End
	// are computed from the segments and the loss table.
	Manifest Manifest
	Path     string // as given to Open

	tables []*Table
	damage []error
	parts  []*Capture // that it is the Union of; nil: none
	close  func() error

	opener      Opener
	claims      *Manifest         // the manifest as it is in the capture; nil if there is none that can be read
	manifestSum string            // its SHA-256
	manifestErr error             // if it does not have the checksum that it says
	tar         *io.SectionReader // that the capture is read from; nil: a directory, or several captures
}

// Opener opens captures. The zero value is what Open, OpenTar and OpenStream use.
type Opener struct {
	// MaxBatchBytes is how many bytes the columns of a batch may take that are read at
	// once; if they take more, the error is ErrTooLarge. 0 is MaxBatchBytes, which the
	// format allows.
	MaxBatchBytes int64
}

// Open opens the capture at path: a directory, a tar, or "-", which is a tar on
// standard input. A capture that was never finished, or was cut off, opens with
// its complete record batches; see Manifest and Damage.
// Errors are ErrNotCapture, ErrVersion, ErrCorrupt or those of the file system.
func Open(path string) (*Capture, error) { return Opener{}.Open(path) }

// Open is Open.
func (o Opener) Open(path string) (*Capture, error) {
	if path == "-" {
		return o.OpenStream(os.Stdin)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case info.IsDir():
		return o.openDirectory(path)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%w: neither a directory nor a file", ErrNotCapture)
	default:
		return o.openTarFile(path)
	}
	return nil, fmt.Errorf("opening capture %s: %w", path, err)
}

// segmentFile is a segment in a directory or a tar.
type segmentFile struct {
	table, number string
	name          string // in the capture
	r             io.ReaderAt
	size          int64
}

// newCapture makes a capture of its capture.json, nil if there is none, and its
// segments. closer is called by Close, or when newCapture fails.
func (o Opener) newCapture(
	path string, manifest []byte, segments []segmentFile, damage []error, closer func() error,
) (*Capture, error) {
	c := &Capture{Path: path, damage: damage, close: closer, opener: o}
	if err := c.load(manifest, segments); err != nil {
		closer()
		return nil, fmt.Errorf("opening capture %s: %w", path, err)
	}
	return c, nil
}

func (c *Capture) load(manifest []byte, segments []segmentFile) error {
	if !littleEndian {
		return fmt.Errorf("on a big-endian machine: %w", errors.ErrUnsupported)
	}
	m, manifestErr := parseManifest(manifest)
	if errors.Is(manifestErr, ErrVersion) || manifestErr != nil && len(segments) == 0 {
		return manifestErr
	}
	c.Manifest = m
	if manifest != nil {
		c.manifestSum = sumText(manifest)
	}
	if manifestErr == nil {
		c.claims = &m
		if err := checkManifest(manifest); err != nil {
			c.manifestErr = err
			if m.Checksum != "" {
				c.damage, c.Manifest.Complete = append(c.damage, err), false
			}
		}
	}
	slices.SortFunc(segments, func(a, b segmentFile) int {
		byNumber := cmp.Or(len(a.number)-len(b.number), strings.Compare(a.number, b.number))
		return cmp.Or(strings.Compare(a.table, b.table), byNumber)
	})
	var metadata map[string]string // of the first segment that has some
	for len(segments) > 0 {
		n := 1
		for n < len(segments) && segments[n].table == segments[0].table {
			n++
		}
		first, err := c.loadTable(segments[:n])
		if err != nil {
			return err
		}
		if metadata == nil {
			metadata = first
		}
		segments = segments[n:]
	}
	if manifestErr != nil {
		c.damage = append(c.damage, manifestErr)
		// Each segment has a copy of what the manifest says about the host.
		c.Manifest.Host, c.Manifest.BootID = metadata["fletch.host"], metadata["fletch.boot_id"]
		c.Manifest.Kernel, c.Manifest.Arch = metadata["fletch.kernel"], metadata["fletch.arch"]
		c.Manifest.Format, _ = parseVersion(metadata["fletch.format"])
	}
	c.reconcileManifest()
	return nil
}

// loadTable adds the table of these segments. It returns the metadata of the first one
// that has some.
func (c *Capture) loadTable(segments []segmentFile) (metadata map[string]string, err error) {
	t := &Table{}
	for _, f := range segments {
		s := readSegment(f.r, f.size, f.name, f.table, c.opener.MaxBatchBytes)
		if s.schema != nil {
			if v, err := parseVersion(s.schema.metadata["fletch.format"]); err == nil && v.check() != nil {
				return nil, v.check()
			}
			if metadata == nil {
				metadata = s.schema.metadata
			}
			// Ids of another recording would lead to the rows of this one.
			recording := s.schema.metadata[metadataRecording]
			c.Manifest.ID = cmp.Or(c.Manifest.ID, recording)
			if recording != "" && recording != c.Manifest.ID {
				s.refuse("of another recording")
			}
		}
		t.addSegment(s)
	}
	// If no segment has a schema the table has no columns: only its damage is kept.
	if t.Schema != nil {
		t.dropUndecodable()
		c.tables = append(c.tables, t)
		return metadata, nil
	}
	for _, s := range t.Segments {
		if s.Damage != nil {
			c.damage = append(c.damage, s.Damage)
		}
	}
	return metadata, nil
}

// Close closes the files of the capture, which cannot be read after that.
func (c *Capture) Close() error { return c.close() }

// Tables returns the tables that the capture has, sorted by name.
func (c *Capture) Tables() []*Table { return c.tables }

// Table returns the table called name, nil if there is none.
func (c *Capture) Table(name string) *Table {
	for _, t := range c.tables {
		if t.Schema.Table == name {
			return t
		}
	}
	return nil
}

// Lost returns how many events of each family were lost, without the families
// that lost none.
func (c *Capture) Lost() map[string]int64 {
	lost := map[string]int64{}
	for name, t := range c.Manifest.Tables {
		if t.Lost > 0 {
			lost[name] = t.Lost
		}
	}
	return lost
}

// Unfinished reports whether the manifest says that the recording was not finished.
// Manifest.Complete is also false if the manifest or a part of a finished capture
// is missing or damaged.
func (c *Capture) Unfinished() bool { return c.claims != nil && !c.claims.Complete }

// Finished reports whether the manifest says when the recording ended, even if the
// recorder could not write all of it.
func (c *Capture) Finished() bool { return c.claims != nil && !c.claims.End.IsZero() }

// ManifestSHA256 returns the SHA-256 of capture.json as 64 hexadecimal digits, "" if
// there is none. As it has those of the segments, it stands for the whole capture.
func (c *Capture) ManifestSHA256() string { return c.manifestSum }

// Damage returns what is wrong with the capture apart from being unfinished: a
// manifest that is missing or contradicts the segments, and segments with something
// that cannot be a record batch. Everything before that can be read.
func (c *Capture) Damage() []error {
	damage := slices.Clone(c.damage)
	for _, t := range c.tables {
		for _, s := range t.Segments {
			if s.Damage != nil {
				damage = append(damage, s.Damage)
			}
		}
	}
	return damage
}
