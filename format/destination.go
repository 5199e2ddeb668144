// SPDX-License-Identifier: Apache-2.0

package format

import "io"

// destination is where a capture goes: a directory, a tar, memory.
type destination interface {
	// createSegment begins segment number n, from 1, of a table.
	createSegment(table string, n int) (segmentWriter, error)
	// remove removes a segment that is closed.
	removeSegment(table string, n int) error
	// exportSegment writes a segment that is closed to a directory.
	exportSegment(table string, n int, to *directoryDestination) error
	// writeManifest writes or replaces capture.json; last says that nothing follows.
	writeManifest(data []byte, last bool) error
	// parentDirectory is what the capture is in, nil for a tar.
	parentDirectory() directory
	// buffered says that a segment is in memory until it is closed, and lost
	// when that fails.
	buffered() bool
	// syncSegment waits until a segment is on the disk, and sync for all else.
	syncSegment(table string, n int) error
	sync() error
	// close is called once, after the last manifest.
	close() error
	// abort is called instead of close and takes back all that was created and
	// not removed.
	abort() error
}

// segmentWriter is a segment being written.
type segmentWriter interface {
	io.Writer
	io.Closer
	// Truncate takes back what is beyond size.
	Truncate(size int64) error
	// discard is called instead of Close by Abort.
	discard()
}
