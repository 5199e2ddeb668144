//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

// page is BENCHMARKS.md up to its table. Its arguments: the date, how long it took, the machine as a list, how far to
// trust the figures, the command line.
const page = `# Benchmarks

What recording costs, beside what it costs with others. Each side records the same work on the same machine, in turn,
several rounds. Times swing with the machine; what counts are the ratios, each of two runs of the same round. The
program that measures also writes this page.

Measured on %s, in %v, on

%s

%s

To measure again, as root: ` + "`make bench`" + `; ` + "`make bench BENCH=--help`" + ` tells how to choose rows
and rounds. This page is of ` + "`%s`" + `.

`

// pageNotes stand below the table. Its arguments: how much slower the work alone may be, what others may take of the
// CPUs, both in percent, and how often a run is made again.
const pageNotes = `
How it is counted:

- **A ratio** is the median of the rounds' own ratios, beside it the least and the most of them. A reach is met (yes)
  when that whole range is on its right side, not met (no) when the whole range is on the wrong one, and else **on the
  line**. So it is with the figures that are held against a number.
- **Disturbed runs.** The tight loop and dd are also run alone, right before and after each run. A run is disturbed if
  that took more than %.0f %% longer than the least that it took in the whole measurement; if other programs were
  attached to the system calls; or if others, the kernel's own threads among them, took more than %.0f %% of the CPUs
  meanwhile. A disturbed run is made again, up to %d times, as long as --patience lasts. If it still is, it is left
  out, and where it is compared with another side, that one's run of the same round too. A line that has less than
  half of its rounds left is not judged: disturbed. What is not greater than zero beside the work alone is no
  measurement, and has no ratio.
- **Time added per system call** is CPU time of the thread that calls, beside what the same work takes without a
  recorder right before and after. A call is its entry and its exit: one row for record, two samples for perf. In the
  tight loop it is the lower quartile over stretches of 20,000 calls. strace stops what it traces, so that there it is
  time on the clock. perf without -z gets a quarter of the calls and strace one in 200; the figures are per call.
- **record** has its default settings and records the whole host; **record -- CMD** only the work. perf records the
  work, unless -a is there. The **empty BPF pair** is a program that does nothing on the entry of every call, and one
  on the exit.
- **CPU of a recorder** is user and system time of its whole process, from beginning to end. Its start, which loads
  and verifies programs and does not grow with the events, is shown for itself; the lines say whether it is included.
  What runs in the context of the traced work is in the time added.
- **Bytes** are of all files written. Rows are events of all families: a read is a row of table syscall and one of
  table file. perf has only the system calls and which processes there were, so the ratio is given with and without
  the tables of reads and writes and of the files' names.
- **Memory** is resident memory from /proc/PID/smaps without the mappings of BPF maps, which are the rings, code
  included.
- **Mixed real work** is test/bench/mixed.sh: find, tar, gzip, the Go compiler, Python.
`
