// SPDX-License-Identifier: Apache-2.0

// Package format writes and reads captures: directories, or tar archives, of
// Arrow IPC files with a JSON manifest. FORMAT.md specifies the bytes.
//
// # Tables, segments, generations
//
// A capture has tables. A [Schema] is the name of one and its columns, of five
// types and without nulls. Rows come in a [Batch], which holds them by column:
// in a [Vector], which is a []int32, a []int64 (also of times, in nanoseconds
// since the Unix epoch, UTC), or texts in Arrow's layout. A written batch is
// called a [Block]: a compressed record batch of a [Segment], which is one file.
//
// A capture that keeps only recent rows is written in generations. A generation has
// one segment of each table that has rows in it. It is dropped, or dumped into
// another capture, as a whole.
//
// # Writing
//
// [Create] makes the capture, [Writer.Append] writes a batch to its table, and
// [Writer.Close] writes the final manifest. A batch is one write(2), so a program
// that is killed leaves a capture that ends with its last whole batch. Batches of
// one table are written one after the other, those of two tables in parallel.
//
// # Reading
//
// [Open] opens a capture, also one that was never finished or is damaged in part:
// see [Manifest] and [Capture.Damage]. [Table.Scan] decodes the columns that are
// asked for, several blocks at once, into batches that it reuses; [Table.Read]
// decodes one block. Each block has the time range of its rows, with which
// [Table.Between] leaves out blocks. Package arrowtable provides tables as records
// of the Arrow library for Go.
//
// Captures are untrusted: whatever the bytes are, reading them gives an error
// ([ErrNotCapture], [ErrVersion], [ErrCorrupt], or one of the file system) or
// values, and allocates no more than the limits of a batch allow. Values are not
// checked: texts may have control sequences for terminals, or not be UTF-8.
//
// # Why not arrow-go
//
// A segment is a file that every Arrow library reads, and that arrow-go could
// write. Measured on the same batches, interleaved, the encoder here takes 3.3 to
// 3.7 times less CPU time than arrow-go v15's writer and 2.1 to 2.6 times less
// than v18's. It writes a batch with one write(2), so that a batch is in the file or
// is not; arrow-go makes one for every buffer. The readers of both versions trust
// the lengths in a file: with one byte changed they allocate 512 GiB, and the
// program dies. So this package has a reader too.
package format
