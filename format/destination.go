// SPDX-License-Identifier: Apache-2.0

package format

import "io"

// destination is what a capture is written to: a directoryDestination, a
// tarDestination or a memoryDestination.
type destination interface {
	// createSegment begins segment number n, from 1, of a table.
	createSegment(table string, n int) (segmentWriter, error)
	// removeSegment removes a segment that is closed.
	removeSegment(table string, n int) error
	// exportSegment adds a closed segment to another capture, as a link or a copy.
	exportSegment(table string, n int, to *directoryDestination) error
	// writeManifest writes or replaces capture.json; last is set for the final one.
	writeManifest(data []byte, last bool) error
	// parentDirectory is the directory that the capture is in; nil for a tar.
	parentDirectory() directory
	// removed reports whether another program has removed the capture, so that nobody
	// will find what is written to files that are still open.
	removed() bool
	// buffered reports whether a segment is only written when it is closed.
	buffered() bool
	// syncSegment waits until a segment is on disk, and sync until everything else is.
	syncSegment(table string, n int) error
	sync() error
	// close is called once, after the last manifest.
	close() error
	// abort is called instead of close, when no segment is left, and removes the rest.
	abort() error
}

// segmentWriter is a segment being written.
type segmentWriter interface {
	io.Writer
	io.Closer
	// Truncate removes what was written beyond size.
	Truncate(size int64) error
	// discard is called instead of Close by Abort.
	discard()
}
