// SPDX-License-Identifier: Apache-2.0

// Package format reads and writes captures: directories, or tar archives, of
// Arrow IPC files with a JSON manifest. FORMAT.md specifies the bytes.
//
// A Writer appends record batches, one write(2) each, to one segment file per
// table. A Capture is opened from a finished or an unfinished recording and
// decodes only the columns asked for, several batches at once. Captures come
// from strangers: whatever the bytes are, reading gives an error or a value.
package format
