// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"io"
)

// Capture is an open capture.
type Capture struct {
	Manifest Manifest
	Path     string
}

// Table is one table of a capture.
type Table struct {
	Schema   *Schema
	Segments []Segment
	Rows     int64
	Bytes    int64
}

// Segment is one file of a table.
type Segment struct {
	Name     string
	Bytes    int64
	Complete bool
	Rows     int64
	Blocks   []Block
	Damage   error
}

// Block is one record batch of a segment.
type Block struct {
	Segment      int
	Rows         int
	MinTS, MaxTS int64
}

// Open opens a directory, a tar file or "-", a tar on standard input.
func Open(path string) (*Capture, error) { return nil, errTODO }

// OpenStream opens a tar that can only be read once.
func OpenStream(r io.Reader) (*Capture, error) { return nil, errTODO }

// OpenTar opens a tar of size bytes.
func OpenTar(r io.ReaderAt, size int64) (*Capture, error) { return nil, errTODO }

// Close releases the files.
func (c *Capture) Close() error { return errTODO }

// Tables returns the tables present, sorted by name.
func (c *Capture) Tables() []*Table { return nil }

// Table returns the table called name, nil when absent.
func (c *Capture) Table(name string) *Table { return nil }

// Lost returns the events lost per family.
func (c *Capture) Lost() map[string]int64 { return nil }

// Blocks returns the blocks of all segments in file order.
func (t *Table) Blocks() []Block { return nil }

// Read decodes the named columns of a block into dst.
func (t *Table) Read(dst *Batch, blk Block, columns []string) error { return errTODO }

// Scan reads all blocks.
func (t *Table) Scan(ctx context.Context, columns []string, workers int, fn func(worker int, b *Batch) error) error {
	return errTODO
}
