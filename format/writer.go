// SPDX-License-Identifier: Apache-2.0

package format

import (
	"errors"
	"io"
)

// Codec is how the buffers of a record batch are compressed.
type Codec uint8

// The codecs; each record batch may have its own.
const (
	None Codec = iota
	LZ4
	Zstd
)

// WriterOptions are the options of Create; the zero value has all defaults.
type WriterOptions struct {
	Force        bool      // replace an existing capture
	Stdout       io.Writer // where path "-" goes; nil is os.Stdout
	SegmentBytes int64     // a segment that reaches this size is the table's last but one; 0 is 64 MiB
	UID, GID     int       // give what is created to this user and group; 0 and -1 leave it
}

// Writer writes a capture.
type Writer struct{}

var errTODO = errors.New("not implemented yet")

// Create starts a capture.
func Create(path string, m Manifest, opt WriterOptions) (*Writer, error) { return nil, errTODO }

// Append writes a batch.
func (w *Writer) Append(b *Batch, codec Codec) error { return errTODO }

// Written returns the bytes so far.
func (w *Writer) Written() int64 { return 0 }

// Tables returns what was written so far.
func (w *Writer) Tables() map[string]TableInfo { return nil }

// Flush emits what is buffered.
func (w *Writer) Flush() error { return errTODO }

// Close finishes the capture.
func (w *Writer) Close(finish func(*Manifest)) error { return errTODO }

// Abort removes everything Create made.
func (w *Writer) Abort() error { return errTODO }
