//go:build linux

// SPDX-License-Identifier: Apache-2.0

package main

// page is BENCHMARKS.md up to its table. Its arguments: the date, how long it took, the machine as a list, how far to
// trust the figures, the command line.
const page = `# Benchmarks

What recording with fletch costs, compared with other tools. Each tool records the same work on the same machine,
interleaved, in several rounds. Absolute times vary with the machine; compare the ratios, each of which is of two runs
of the same round. The benchmark program also writes this page.

Measured on %s, in %v, on

%s

%s

To measure again, as root: ` + "`make bench`" + `. ` + "`make bench BENCH=--help`" + ` describes how to select
rows and rounds. This page was written by ` + "`%s`" + `.

`

// pageNotes stand below the table. Its arguments: how much slower the work alone may be, what others may take of the
// CPUs, both in percent, and how often a run is made again.
const pageNotes = `
How the figures are computed:

- **A ratio** is the median of the ratios of the single rounds, with the lowest and the highest in brackets. A reach is
  met (yes) if the whole range is on its right side, not met (no) if the whole range is on its wrong side, and otherwise
  **on the line**. The same applies to figures that are compared with a number.
- **Disturbed runs.** The tight loop and dd also run alone, right before and after each run. A run is disturbed if that
  took more than %.0f %% longer than the shortest time in the whole measurement; if other programs were attached to the
  system calls; or if other processes, including kernel threads, used more than %.0f %% of the CPUs meanwhile. A
  disturbed run is repeated, up to %d times, as long as --patience lasts. If it is still disturbed, it is left out;
  where it is compared with another tool, that tool's run of the same round is left out too. A row with fewer than half
  of its rounds left is not judged: disturbed. A cost that is not greater than zero compared with the work alone is not
  a measurement, and has no ratio.
- **Time added per system call** is the CPU time of the calling thread, minus what the same work takes without a
  recorder right before and after. A call is its entry and its exit: one row for record, two samples for perf. In the
  tight loop it is the lower quartile over stretches of 20,000 calls. strace stops the traced process, so for strace it
  is wall-clock time. perf without -z runs a quarter of the calls, and strace one in 200; the figures are per call.
- **record** has its default settings and records the whole host; **record -- CMD** records only the work. perf records
  the work, unless -a is given. The **empty BPF pair** is a program that does nothing on the entry of every call, and
  one on the exit.
- **CPU of a recorder** is user and system time of the whole process, from beginning to end. The startup, which loads
  and verifies programs and does not grow with the events, is shown separately; the rows say whether it is included.
  What runs in the context of the traced work counts as time added.
- **Bytes** are those of all files written. Rows are events of all families: a read is a row of table syscall and one of
  table file. perf records only the system calls and which processes there were, so the ratio is given with and without
  the tables of reads and writes and of file names.
- **Memory** is resident memory from /proc/PID/smaps, code included, without the mappings of BPF maps, which are the
  rings.
- **Mixed real work** is test/bench/mixed.sh: find, tar, gzip, the Go compiler, Python.
`
