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
    sudo record --list                       what this kernel allows

What:
    -e, --events LIST      event families, of: process, syscall, file, ipc, tcp, seccomp (default: all this kernel
                           allows)
    -p, --pid LIST         only these processes, and what they start
        --comm NAME        only tasks of this name (its first 15 bytes)

Where to:
    -w, --write PATH       a directory (default: fletch-HOST-YYYYMMDD-HHMMSS), FILE.tar, or - (a tar on standard
                           output; COMMAND's own output then goes to standard error)
        --force            replace PATH if it is a capture
    -z, --compress CODEC   zstd, lz4, none, or auto: zstd, less while the rings fill up (default auto)

How long (whichever comes first):
    -d, --duration TIME    30s, 5m
    -n, --max-events N     exactly N rows of events
    -s, --max-size SIZE    64MiB, 1G; the last batch may pass it

How:
    -b, --buffer-size SIZE ring of each CPU (default 16MiB, less on hosts of many CPUs)
        --mechanism FAMILY=NAME,…
                           take this mechanism and no other, as in file=kprobe; --list names them
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
