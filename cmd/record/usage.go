// SPDX-License-Identifier: Apache-2.0

package main

const usage = `record traces what a kernel does into a capture, which analyze and replay read anywhere.

Usage:
    record [flags] [-- COMMAND ARG...]

Without COMMAND the whole host is recorded until ^C.

Examples:
    sudo record                              the whole host, until ^C
    sudo record -d 30s -w incident           30 seconds of it, into the directory incident
    sudo record -w build.tar -- make -j8     a command and everything it starts
    sudo record -p 1234,1240 -n 1000000      two processes and what they start, a million events
    ssh host sudo record -d 10s -w - >x.tar  nothing touches the host's disk
    sudo record -C 64MiB -W 16               the newest GiB
    sudo record --last 60s -w flight         the last minute: killall -USR2 record writes it down
    sudo record --last 60s --after 10s --trigger 'op == "exit" && comm == "nginx" && signal != 0'
    sudo record --list                       what this kernel allows

What:
    -e, --events LIST      event families, of: process, syscall, file, ipc, tcp, seccomp (default: all this kernel
                           allows)
    -p, --pid LIST         only these processes, and what they start
        --comm NAME        only tasks of this name (its first 15 bytes)

Where to:
    -w, --write PATH       a directory (default: fletch-HOST-YYYYMMDD-HHMMSS), FILE.tar, or - (a tar on standard
                           output; COMMAND's own output then goes to standard error)
        --force            replace PATH if it is a capture; go on in it if a flight recorder made it
    -z, --compress CODEC   zstd, lz4, none, or auto: zstd, less while the rings fill up (default auto)

Segments (the three compose; a directory only):
    -C, --segment-size SIZE
                           begin new segments when they have this size, all tables together
    -G, --segment-time TIME
                           begin new segments every so often
    -W, --keep N           keep the newest N, counting the one being written. What remains is a whole capture. With
                           --last it is dumps that are kept
        --sync TIME        have all that was written reach the disk (fsync) every so often

Flight recorder (a directory only):
        --last TIME        keep only the last TIME, in PATH/window, and write it down as a capture of its own,
                           PATH/YYYYMMDDTHHMMSS.mmmZ-REASON, on SIGUSR2 (REASON sigusr2), for --trigger (trigger), and
                           at the end (end). Dumps stay until you remove them, or with -W until there are N newer
                           ones. In a PATH that is there already, --force goes on; what was left there unfinished is
                           kept as …-interrupted
        --trigger EXPR     dump when this holds for a process, tcp, ipc or seccomp event, or a system call, as in
                           'name == "fsync" && duration_ns > 1e9'. While it keeps holding, dumps follow each other TIME
                           (of --last) apart
        --after TIME       record this much more before a dump
        --in-memory        the window is in memory, and nothing on the disk but dumps

How long (whichever comes first):
    -d, --duration TIME    30s, 5m
    -n, --max-events N     exactly N rows of events
    -s, --max-size SIZE    64MiB, 1G; the last batch may pass it

How:
    -b, --buffer-size SIZE ring of each CPU (default 16MiB, less on hosts of many CPUs)
        --mechanism FAMILY=NAME,…
                           take this mechanism and no other, as in file=kprobe; --list names them
        --max-memory SIZE  resident memory to stay below: rings and batches are as large as fits, and a window in memory
                           is shorter than --last if it must be
        --max-cpu PERCENT  share of one CPU to stay below, as 50%: above it system calls, reads and writes are not
                           recorded but counted as lost
        --strict           exit with status 3 if any event was lost
    -L, --list             for each event family: the mechanism this kernel allows, and why not a better one
        --json             --list and the final summary as JSON
    -q, --quiet            no summary, no progress
    -v, --verbose          say what is being done
    -h, --help
        --version

Exit status: 0 done, 1 failed, 2 wrong usage, 3 events lost with --strict; with COMMAND, COMMAND's own (128+n when
signal n killed it), unless the recording failed.

^C finishes the recording; a second one stops at once, and what was written until then is kept. A recording with
COMMAND ends with it; where a limit ends it earlier, record waits for COMMAND all the same.

Instead of root, CAP_BPF and CAP_PERFMON are enough. As soon as it records it has no privileges at all. Under sudo, COMMAND
runs as the user who called it, and the capture is theirs.
`
