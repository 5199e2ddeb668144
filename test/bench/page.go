//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

// page is BENCHMARKS.md up to its table. Its arguments: the date, how long it took, the machine as a list, how far to trust
// the figures, the command line.
const page = `# Benchmarks

What recording costs, beside what it costs with others. Each side records the same work on the same machine, in turn, several
rounds. Times swing with the machine; what counts are the ratios. The program that measures also writes this page.

Measured on %s, in %v, on

%s

%s

To measure again, as root: ` + "`make bench`" + `; ` + "`make bench BENCH=--help`" + ` tells how to choose rows and rounds. This page is of
` + "`%s`" + `.

`

// pageNotes stand below the table.
const pageNotes = `
How it is counted:

- **Time added per system call** is CPU time of the thread that calls, beside what the same work takes without a recorder right
  before and after. A call is its entry and its exit: one row for record, two samples for perf. In the tight loop it is the
  lower quartile over stretches of 20,000 calls. strace stops what it traces, so that there it is time on the clock. perf without
  -z gets a quarter of the calls and strace one in 200; the figures are per call.
- **record** has its default settings and records the whole host; **record -- CMD** only the work. perf records the work,
  unless -a is there. The **empty BPF pair** is a program that does nothing on the entry of every call, and one on the exit.
- **CPU of a recorder** is user and system time of its whole process, from beginning to end. Its start, which loads and verifies
  programs and does not grow with the events, is shown for itself; the lines say whether it is included. What runs in the
  context of the traced work is in the time added.
- **Bytes** are of all files written. Rows are events of all families: a read is a row of table syscall and one of table file.
  perf has only the system calls and which processes there were, so the ratio is given with and without the tables of reads and
  writes and of the files' names.
- **Memory** is resident memory from /proc/PID/smaps without the mappings of BPF maps, which are the rings, code included.
- **Mixed real work** is test/bench/mixed.sh: find, tar, gzip, the Go compiler, Python.
`
