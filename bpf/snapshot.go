// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/fletch-trace/fletch/format"
)

// AppendProcesses appends to b, a batch of the table process, one row for each process in tasks, a batch of the table
// task. The rows have op "snapshot", the time now (ns since the Unix epoch) and the command line that /proc has, none
// if the process has ended, /proc does not show it, or arguments are not wanted.
func AppendProcesses(b, tasks *format.Batch, now int64, withArgs bool) error {
	proc := FindProc()
	programs := programsOf(tasks)
	for _, i := range leaders(tasks) {
		pid := tasks.Column("pid").I32[i]
		var args []string
		dir, ok := proc.Directory(pid, tasks.Column("nspid").I32[i], tasks.Column("pidns").I64[i])
		if ok && withArgs {
			args = commandLine(dir)
		}
		if err := b.AppendRow(map[string]any{
			"ts": now, "cpu": int32(-1), "task": tasks.Column("task").I32[i], "op": "snapshot", "pid": pid,
			"ppid": tasks.Column("ppid").I32[i], "filename": programs[pid], "args": args,
		}); err != nil {
			return fmt.Errorf("listing the running processes: %w", err)
		}
	}
	return nil
}

// programsOf returns the executable of each process in tasks: that of its first thread, or, if that has ended before the
// others and has none, that of another.
func programsOf(tasks *format.Batch) map[int32]string {
	programs := make(map[int32]string)
	for i := range tasks.Rows {
		pid, exe := tasks.Column("pid").I32[i], tasks.Column("exe").Str.At(i)
		if exe != "" && (programs[pid] == "" || tasks.Column("tid").I32[i] == pid) {
			programs[pid] = exe
		}
	}
	return programs
}

// leaders returns for each process in tasks the row that says what the process is: the last one of its first thread, whose
// id is that of the process; of another thread if only such are in tasks. Kernels use ids again, so that a thread may have
// a lower one than the first.
func leaders(tasks *format.Batch) []int {
	var order []int32
	row := make(map[int32]int)
	for i := range tasks.Rows {
		pid := tasks.Column("pid").I32[i]
		_, seen := row[pid]
		if !seen {
			order = append(order, pid)
		}
		if !seen || tasks.Column("tid").I32[i] == pid {
			row[pid] = i
		}
	}
	rows := make([]int, len(order))
	for i, pid := range order {
		rows[i] = row[pid]
	}
	return rows
}

// argsMax is ARGS_MAX of events.h, in bytes. Open sets it.
var argsMax uint32

// commandLine reads the arguments of a process from its directory in /proc, truncated as in events.h; nil if the process
// has ended. If only its first thread has ended, another one has them.
func commandLine(dir string) []string {
	if args := argumentsOf(dir); args != nil {
		return args
	}
	threads, _ := filepath.Glob(filepath.Join(dir, "task", "*"))
	for _, thread := range threads {
		if args := argumentsOf(thread); args != nil {
			return args
		}
	}
	return nil
}

// argumentsOf reads the arguments from a directory of a process or a thread in /proc; nil: there are none.
func argumentsOf(dir string) []string {
	f, err := os.Open(filepath.Join(dir, "cmdline"))
	if err != nil {
		return nil // it has ended
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(argsMax)+1))
	if err != nil || len(data) == 0 {
		return nil
	}
	r := ref{bytes: data, present: true}
	if len(data) > int(argsMax) {
		r.bytes, r.flags = data[:argsMax], refCut
	}
	r.bytes = bytes.TrimRight(r.bytes, "\x00") // setproctitle pads with NULs
	v := format.Vector{Type: format.StringList}
	v.Reset()
	appendList(&v, r)
	return v.List(0)
}
