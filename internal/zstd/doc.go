// SPDX-License-Identifier: Apache-2.0

// Package zstd writes columns of integers as Zstandard frames (RFC 8878), which any decoder reads.
//
// A general encoder looks for a match at every byte. A column has one period, its values' width, and what it repeats
// are whole values, or the upper bytes of the value before: times that grow, durations, addresses of one region. So
// this one looks once a value, at a few places, and writes for a typical value two or three bytes of literals and one
// short match at a distance that repeats. It is several times as fast as the fastest general level, and smaller.
package zstd
