//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

// page is BENCHMARKS.md up to its table: when, where, by which command line, of how many rounds, how long it took.
const page = `# Benchmarks

This page is written by a program: %[1]s,

%[2]s

To run it again, as root: ` + "`make bench`" + `, or, as it was run for this page, ` + "`%[3]s`" + `. It took %[5]v.

`
