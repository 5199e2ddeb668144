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
	// Manifest is capture.json. When the recording was never finished, or the
	// capture holds other rows than the manifest says, Complete is false, and
	// Tables and End are what the segments and the loss table show.
	Manifest Manifest
	Path     string // as given to Open

	tables []*Table
	damage []error
	close  func() error
}

// Open opens the capture at path: a directory, a tar, or "-", which is a tar on
// standard input. A capture that was never finished, or was cut off, opens with
// the record batches that are whole; see Manifest and Damage.
// Errors are ErrNotCapture, ErrVersion, ErrCorrupt or those of the file system.
func Open(path string) (*Capture, error) {
	if path == "-" {
		return OpenStream(os.Stdin)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case info.IsDir():
		return openCaptureDirectory(path)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%w: neither a directory nor a file", ErrNotCapture)
	default:
		return openTarFile(path)
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

// newCapture puts a capture together of its capture.json, nil when there is
// none, and its segments. It owns closer, and calls it on an error.
func newCapture(path string, manifest []byte, entries []segmentFile, damage []error, closer func() error) (*Capture, error) {
	c := &Capture{Path: path, damage: damage, close: closer}
	if err := c.load(manifest, entries); err != nil {
		closer()
		return nil, fmt.Errorf("opening capture %s: %w", path, err)
	}
	return c, nil
}

func (c *Capture) load(manifest []byte, entries []segmentFile) error {
	if !littleEndian {
		return fmt.Errorf("on a big-endian machine: %w", errors.ErrUnsupported)
	}
	m, manifestErr := parseManifest(manifest)
	if errors.Is(manifestErr, ErrVersion) || manifestErr != nil && len(entries) == 0 {
		return manifestErr
	}
	c.Manifest = m
	slices.SortFunc(entries, func(a, b segmentFile) int {
		return cmp.Or(strings.Compare(a.table, b.table), len(a.number)-len(b.number), strings.Compare(a.number, b.number))
	})
	var described map[string]string
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].table == entries[0].table {
			n++
		}
		t := &Table{}
		for _, e := range entries[:n] {
			s := readSegment(e.r, e.size, e.name, e.table)
			if s.schema != nil {
				if v, err := parseVersion(s.schema.metadata["fletch.format"]); err == nil && v.check() != nil {
					return v.check()
				}
				if described == nil {
					described = s.schema.metadata
				}
			}
			t.addSegment(s)
		}
		// A table of which there is not even the schema cannot be shown.
		if t.Schema != nil {
			t.dropUndecodable()
			c.tables = append(c.tables, t)
		} else {
			for _, s := range t.Segments {
				if s.Damage != nil {
					c.damage = append(c.damage, s.Damage)
				}
			}
		}
		entries = entries[n:]
	}
	if manifestErr != nil {
		c.damage = append(c.damage, manifestErr)
		// Each segment says of the host what the manifest would.
		c.Manifest.Host, c.Manifest.BootID = described["fletch.host"], described["fletch.boot_id"]
		c.Manifest.Kernel, c.Manifest.Arch = described["fletch.kernel"], described["fletch.arch"]
		c.Manifest.Format, _ = parseVersion(described["fletch.format"])
	}
	c.reconcileManifest()
	return nil
}

// Close releases the files of the capture. Nothing of it can be read after.
func (c *Capture) Close() error { return c.close() }

// Tables returns the tables that are there, sorted by name.
func (c *Capture) Tables() []*Table { return c.tables }

// Table returns the table called name, nil when it is not there.
func (c *Capture) Table(name string) *Table {
	for _, t := range c.tables {
		if t.Schema.Table == name {
			return t
		}
	}
	return nil
}

// Lost returns how many events of each family were lost; families that lost
// none are not in it.
func (c *Capture) Lost() map[string]int64 {
	lost := map[string]int64{}
	for name, t := range c.Manifest.Tables {
		if t.Lost > 0 {
			lost[name] = t.Lost
		}
	}
	return lost
}

// Damage returns what is wrong with the capture beyond being unfinished: a
// manifest that is missing or at odds with the segments, segments that end in
// what is no record batch. Nothing of it keeps the rest from being read.
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
