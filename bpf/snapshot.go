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

// Running are the processes among tasks that are listed one after the other. They take about 200 bytes each, as many as
// the host has processes, besides the names of their programs.
type Running struct {
	// Unnamed is how many processes have no program in their rows, for lack of room.
	Unnamed int

	most     int // bytes of names that are kept
	bytes    int // of names
	programs map[string]string
	byPID    map[int32]*running
	order    []*running // in which they were first seen
}

// running is what a row of table task says about its process. It is of the last row of the first thread, whose id is
// that of the process; of another thread if only such were listed. Kernels use ids again, so that a thread may have a
// lower one than the first.
type running struct {
	task, pid, ppid, nspid int32
	pidns                  int64
	program                string // of the first thread; if that has ended before the others and has none, of another
	unnamed                bool
}

// NewRunning is an empty list that keeps at most so many bytes of names of programs.
func NewRunning(most int) *Running {
	return &Running{most: most, programs: make(map[string]string), byPID: make(map[int32]*running)}
}

// Add adds the tasks in a batch of table task.
func (r *Running) Add(tasks *format.Batch) {
	task, tid, pid := tasks.Column("task").I32, tasks.Column("tid").I32, tasks.Column("pid").I32
	ppid, nspid, pidns := tasks.Column("ppid").I32, tasks.Column("nspid").I32, tasks.Column("pidns").I64
	exe := &tasks.Column("exe").Str
	for i := range tasks.Rows {
		p := r.byPID[pid[i]]
		seen, first := p != nil, tid[i] == pid[i]
		if !seen {
			p = &running{}
			r.byPID[pid[i]] = p
			r.order = append(r.order, p)
		}
		if !seen || first {
			p.task, p.pid, p.ppid, p.nspid, p.pidns = task[i], pid[i], ppid[i], nspid[i], pidns[i]
		}
		if name := exe.Bytes(i); len(name) > 0 && (p.program == "" || first) {
			r.setProgram(p, name)
		}
	}
}

// setProgram sets the program of a process, if there is room for its name.
func (r *Running) setProgram(p *running, name []byte) {
	known, ok := r.programs[string(name)]
	if !ok && r.bytes+len(name) <= r.most {
		known, ok = string(name), true
		r.programs[known] = known
		r.bytes += len(name)
	}
	if !ok && p.program == "" && !p.unnamed {
		p.unnamed = true
		r.Unnamed++
	}
	if ok && p.unnamed {
		p.unnamed = false
		r.Unnamed--
	}
	if ok {
		p.program = known
	}
}

// Used is what processes have used, by process id.
type Used struct {
	rows  *format.Batch // of op "end"
	byPID map[int32]int // the row
}

// NewUsed takes it from rows that Session.Processes has listed.
func NewUsed(rows *format.Batch) Used {
	u := Used{rows, make(map[int32]int, rows.Rows)}
	for i, pid := range rows.Column("pid").I32 {
		u.byPID[pid] = i
	}
	return u
}

var usedColumns = []string{"cpu_ns", "utime_ns", "stime_ns", "rss_max", "major_faults"}

// PutInto sets the columns of a row of a process that say what it has used, to -1 if that is not known.
func (u Used) PutInto(row map[string]any, pid int32) {
	i, ok := u.byPID[pid]
	for _, name := range usedColumns {
		row[name] = int64(-1)
		if ok {
			row[name] = u.rows.Column(name).I64[i]
		}
	}
}

// Append appends one row of table process for each process to the batch that next returns. The rows have op "snapshot",
// the time now (ns since the Unix epoch), what the process has used, and the command line that /proc has, none if the
// process has ended, /proc does not show it, or arguments are not wanted.
func (r *Running) Append(next func() (*format.Batch, error), used Used, now int64, withArgs bool) error {
	proc := FindProc()
	for _, p := range r.order {
		var args []string
		if dir, ok := proc.Directory(p.pid, p.nspid, p.pidns); ok && withArgs {
			args = commandLine(dir)
		}
		b, err := next()
		if err == nil {
			row := map[string]any{
				"ts": now, "cpu": int32(-1), "task": p.task, "op": "snapshot", "pid": p.pid, "ppid": p.ppid,
				"filename": p.program, "args": args,
			}
			used.PutInto(row, p.pid)
			err = b.AppendRow(row)
		}
		if err != nil {
			return fmt.Errorf("listing the running processes: %w", err)
		}
	}
	return nil
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
