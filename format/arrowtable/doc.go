// SPDX-License-Identifier: Apache-2.0

// Package arrowtable provides the tables of a capture as records of Apache Arrow's
// Go library (github.com/apache/arrow/go/v15), and writes such records as IPC
// streams and files.
//
// A Reader is an array.RecordReader over one table, of which columns and a range
// of time can be chosen. Its records share the memory that package format has
// decoded the batches into: nothing is copied. NewRecord does the same for one
// batch, for programs that read several batches at once with Table.Scan.
//
//	int32               arrow.INT32
//	int64               arrow.INT64
//	timestamp[ns, UTC]  arrow.TIMESTAMP, in nanoseconds, time zone UTC
//	utf8                arrow.STRING
//	list<utf8>          arrow.LIST of arrow.STRING
//
// No column has nulls. The segments of a capture are Arrow IPC files, which
// arrow-go's own reader opens as well. This package reads captures as a whole, of
// several segments, also if the recording was never finished or the files are
// untrusted: package format checks lengths and offsets, arrow-go does not.
//
// All use of the Arrow library outside of tests is in this package.
package arrowtable
