// SPDX-License-Identifier: Apache-2.0

// Package parquet writes tables as Parquet files, fast and small: columns that are not null, compressed with zstd, each
// in the encoding that suits its values. See https://parquet.apache.org/docs/file-format.
//
// The writers that there are for Go hash every value of every column, or compress each page with a compressor made for
// it; this one knows its few types and does neither.
package parquet
