// SPDX-License-Identifier: Apache-2.0

// Package parquet writes tables as Parquet files: columns without nulls, of the types of package format, compressed
// with zstd, each in the encoding that suits its values. See https://parquet.apache.org/docs/file-format.
//
// Other writers for Go hash every value of every column, or make a compressor for each page; this one is made for few
// types and does neither. It takes 2.6 times less CPU time than that of apache/arrow-go v18 and 3.3 times less than
// parquet-go, and pqarrow would add 26 to 31 MB to the program.
//
// # Use
//
// NewWriter, WriteGroup for each row group, Close. Row groups should have 100,000 rows or more. A caller should gather
// the next row group while one is written, to keep all CPUs busy.
//
// # Pages and dictionaries
//
// Data pages have 32 Ki rows: a reader that looks for few rows skips pages, and pages fit into caches. Integer columns
// have a dictionary of up to 64 Ki values if there are at most an eighth as many distinct values as rows, or at most
// half as many and a sample shows that it takes no more than a tenth more bytes. With a dictionary a reader compares
// each value once, and skips a row group whose dictionary lacks the value that it looks for. Pages have bounds in the
// column index (of texts only if the dictionary is small, or there is none), and row groups that are sorted by the
// column of OrderBy are marked.
//
// These limits were chosen by measuring: the table of system calls (16 columns) of a host that compiles, 11.9 million
// rows, and of tar, find, gcc and python, 4.7 million. "Before" is one page a row group, and dictionaries for up to an
// eighth as many values as rows. Times are CPU time of one thread.
//
//	                               host, before    now   tools, before    now
//	size, MB                               79.2   83.3            25.1   26.1
//	writing (analyze convert), s           4.50   4.45            1.61   1.58
//	DuckDB, all columns, ms                 560    476             198    147
//	DuckDB, rare values, ms                 473    321             228    108
//	polars, all columns, ms                1086    952             399    328
//	polars, rare values, ms                 665    524             246     93
//	pyarrow, all columns, ms               1080   1060             370    405
//	pyarrow, rare values, s                 7.8    7.2             2.1    2.1
//
// For the host, a bound of a quarter without the sample reads at 575 and 350 ms in DuckDB (82.1 MB), one of a half at
// 479 and 287 (86.6 MB). Pages of 8 Ki rows make pyarrow's search a third slower; those of 16 and 64 Ki differ little.
package parquet
