// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/fletch-trace/fletch/internal/cli"

// description is the text of --help and the manual page, apart from the flags.
var description = cli.Command{
	Name:    "record",
	Summary: "trace what a kernel does into a capture",
	Description: `Traces what a kernel does into a capture, which analyze and replay read anywhere. Without COMMAND the
whole host is recorded until ^C.`,
	Usage: []string{"[flags] [-- COMMAND ARG...]"},
	Examples: []cli.Example{
		{Line: "sudo record", Text: "the whole host, until ^C"},
		{Line: "sudo record -d 30s -w incident", Text: "30 seconds of it, into the directory incident"},
		{Line: "sudo record -w build.tar -- make -j8", Text: "a command and everything it starts"},
		{Line: "sudo record -p 1234,1240 -n 1000000", Text: "two processes and what they start, a million events"},
		{Line: "ssh host sudo record -d 10s -w - >x.tar", Text: "nothing touches the host's disk"},
		{Line: "sudo record -C 64MiB -W 16", Text: "the newest GiB"},
		{Line: "sudo record --last 60s -w flight", Text: "the last minute: killall -USR2 record dumps it"},
		{
			Line: "sudo record --last 60s --after 10s \\\n" +
				`    --trigger 'op == "exit" && comm == "nginx" && signal != 0'`,
			Text: "the minute before nginx was killed, and ten seconds more",
		},
		{Line: "sudo record --failed -e syscall=%file", Text: "the system calls with names of files that fail"},
		{Line: "sudo record --slower 10ms --cgroup /system.slice/nginx.service", Text: "the slow calls of a service"},
		{Line: "sudo record --list", Text: "what this kernel allows"},
	},
	Notes: []cli.Note{
		{
			Head: "Exit status",
			Terms: []cli.Term{
				{Name: "0", Text: "done"}, {Name: "1", Text: "failed"}, {Name: "2", Text: "wrong usage"},
				{Name: "3", Text: "events lost, with --strict"},
				{Name: "126", Text: "COMMAND cannot be executed"}, {Name: "127", Text: "COMMAND is not there"},
			},
			Text: `With COMMAND it is COMMAND's own (128+N when signal N killed it), unless the recording failed.`,
		},
		{
			Head: "How it ends",
			Text: `^C finishes the recording; a second one stops at once, and what was written until then is kept. A
recording with COMMAND ends with it, one of --pid with the last of its processes; with --wait it goes on until all that
these have started has ended, which the summary counts otherwise. Where a limit ends it earlier, record waits for
COMMAND all the same. So it does when the recording fails, for example on a full disk: it says so at once, keeps what
was written, leaves COMMAND alone, and ends with status 1 when COMMAND has.`,
		},
		{
			Head: "Namespaces",
			Text: `In a pid namespace (a container) the ids of --pid are those of that namespace. Rows have the host's,
and nspid, nstid those of the task's own namespace. The whole host can be recorded only from its own pid namespace.`,
		},
		{
			Head: "Privileges",
			Text: `Instead of root, CAP_BPF and CAP_PERFMON are enough. As soon as it records it has no privileges at
all. Under sudo, COMMAND runs as the user who called it, and the capture is theirs.`,
		},
	},
	Operands: cli.ACommand,
	Acts:     true,
}
