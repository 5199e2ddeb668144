//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// living knows the processes that run, with their command lines: from the snapshot at the start, and from the rows of
// table process since. A recording that drops old generations begins each one with a snapshot of them, because the rows
// that told of them before may be dropped.
//
// Rows of different CPUs are swept in any order, so what is newer is decided by their times.
type living struct {
	byPID map[int32]*process
	ended map[int32]int64 // when processes have ended that rows may still tell of, ns since the Unix epoch
	tasks *dimension      // whose rows of these processes are pinned
	wall  int64           // CLOCK_REALTIME - CLOCK_MONOTONIC, ns
	bytes int             // of processes and their texts
	limit int
	most  int // how many ends are remembered before an epoch is to end; twice as many at most
	// What there was no room for.
	refused int   // rows that would have made a process known
	bare    int   // command lines
	unsure  int64 // the last end: what is known has to be compared with /proc; ns since the Unix epoch, 0: none
}

// A process is what is known of one.
type process struct {
	task     int32 // id of its first thread; 0: unknown
	taskAt   int64 // when that was its id, ns since the Unix epoch
	known    bool  // a row of table process told of it; else only its task has been announced
	ppid     int32
	nspid    int32  // its id in its own pid namespace
	pidns    int64  // inode of that; 0: unknown
	at       int64  // when it was so, ns since the Unix epoch
	started  string // when it began, as /proc has it; "": not looked up yet
	filename string
	args     []string
}

const (
	// maxLivingBytes is how many bytes of command lines are kept. Without room, processes are kept without theirs.
	maxLivingBytes = 16 << 20
	// processOverhead is about how many bytes a process takes besides its texts.
	processOverhead = 256
	// endOverhead is about how many bytes the end of a process takes.
	endOverhead = 40
)

// newLiving knows no process yet. limit is Budget.dimensions.
func newLiving(tasks *dimension, wall, limit int64) *living {
	l := &living{
		byPID: make(map[int32]*process), ended: make(map[int32]int64), tasks: tasks, wall: wall,
	}
	l.limit = min(int(float64(limit)*livingShare), maxLivingBytes)
	l.most = int(float64(limit)*unusedShare) / endOverhead
	return l
}

// crowded reports whether so many processes have ended that an epoch is to end, after which they can be forgotten.
func (l *living) crowded() bool { return len(l.ended) > l.most }

// identify takes the ids of processes from records of table task: an id ends, and another one begins, when a thread
// changes its name, for example.
func (l *living) identify(layout *bpf.Layout, recs bpf.Records) {
	for i := range recs.Len() {
		pid := layout.Int32At(recs, i, "pid")
		if layout.Int32At(recs, i, "tid") != pid {
			continue
		}
		at := layout.Int64At(recs, i, "ts") + l.wall
		if ended, ok := l.ended[pid]; ok && ended >= at {
			continue
		}
		if p := l.of(pid); p != nil {
			l.setTask(p, int32(layout.ID(recs, i)), at)
			p.nspid = layout.Int32At(recs, i, "nspid")
			p.pidns = int64(uint32(layout.Int32At(recs, i, "pidns"))) // a u32 in the record
		}
	}
}

// of is the process of that id, a new one if there is none; nil: there is no room.
func (l *living) of(pid int32) *process {
	p := l.byPID[pid]
	if p != nil {
		return p
	}
	if l.bytes+processOverhead > l.limit {
		l.refused++
		return nil
	}
	p = &process{}
	l.byPID[pid] = p
	l.bytes += processOverhead
	return p
}

// setTask sets the id that a process had at that time, unless a later one is known: announcements are in other rings
// than the rows that refer to them.
func (l *living) setTask(p *process, task int32, at int64) {
	if at < p.taskAt {
		return
	}
	p.taskAt = at
	if task == p.task {
		return
	}
	l.tasks.pin(int64(task))
	if p.task != 0 {
		l.tasks.unpin(int64(p.task))
	}
	p.task = task
}

// follow follows the rows of a batch of table process from the given one on.
func (l *living) follow(b *format.Batch, from int) {
	ts, op := b.Column("ts").I64, &b.Column("op").Str
	pid, ppid, task := b.Column("pid").I32, b.Column("ppid").I32, b.Column("task").I32
	filename, args := &b.Column("filename").Str, b.Column("args")
	for i := from; i < b.Rows; i++ {
		switch string(op.Bytes(i)) {
		case "snapshot":
			if l.begin(pid[i], ppid[i], 0, filename.At(i), args.List(i)) {
				l.setTask(l.byPID[pid[i]], task[i], 0)
			}
		case "fork":
			parent := l.byPID[ppid[i]]
			if parent == nil {
				parent = &process{}
			}
			l.begin(pid[i], ppid[i], ts[i], parent.filename, parent.args)
		case "exec":
			if l.begin(pid[i], ppid[i], ts[i], filename.At(i), args.List(i)) {
				l.setTask(l.byPID[pid[i]], task[i], ts[i])
			}
		case "exit":
			l.end(pid[i], ts[i])
		}
	}
}

// begin sets what is known of a process from that time on, 0 if from before everything else. It reports false if what
// is known is newer, or if there is no room.
func (l *living) begin(pid, ppid int32, at int64, filename string, args []string) bool {
	p := l.byPID[pid]
	if ended, ok := l.ended[pid]; ok && ended >= at || p != nil && p.known && p.at >= at {
		return false
	}
	if p = l.of(pid); p == nil {
		return false
	}
	p.known, p.ppid, p.at = true, ppid, at
	l.setTexts(p, filename, args)
	return true
}

// setTexts sets the texts of a process, without arguments if there is no room for them, or without any.
func (l *living) setTexts(p *process, filename string, args []string) {
	l.bytes -= textBytes(p)
	p.filename, p.args = filename, args
	if l.bytes+textBytes(p) > l.limit {
		p.args = nil
		l.bare++
	}
	if l.bytes+textBytes(p) > l.limit {
		p.filename = ""
	}
	l.bytes += textBytes(p)
}

func textBytes(p *process) int {
	n := len(p.filename)
	for _, arg := range p.args {
		n += len(arg) + 16
	}
	return n
}

// end removes a process that ended at that time.
func (l *living) end(pid int32, at int64) {
	if before, known := l.ended[pid]; known || len(l.ended) < 2*l.most {
		l.ended[pid] = max(before, at)
	} else {
		l.unsure = max(l.unsure, at) // a row from before the end may come now, and make the process known again
	}
	p := l.byPID[pid]
	if p == nil || p.known && p.at > at {
		return
	}
	l.bytes -= textBytes(p) + processOverhead
	if p.task != 0 {
		l.tasks.unpin(int64(p.task))
	}
	delete(l.byPID, pid)
	if p.taskAt > at { // another process has the number, of which no row has told yet
		if q := l.of(pid); q != nil {
			q.nspid, q.pidns = p.nspid, p.pidns
			l.setTask(q, p.task, p.taskAt)
		}
	}
}

// notes are the notes in the manifest about what there was no room for. It does nothing on nil.
func (l *living) notes() (notes []string) {
	if l != nil && l.refused > 0 {
		notes = append(notes, fmt.Sprintf("segments may lack processes that ran when they begin: "+
			"there was no room for %d", l.refused))
	}
	if l != nil && l.bare > 0 {
		notes = append(notes, fmt.Sprintf("segments lack the command lines of processes that ran when they begin: "+
			"there was no room for %d", l.bare))
	}
	return notes
}

// verify removes the processes that /proc does not have any more. Their ends have no rows if these were lost, or if
// only threads of some name are recorded and the last one had another.
func (l *living) verify() {
	proc := bpf.FindProc()
	for pid, p := range l.byPID {
		dir, ok := proc.Directory(pid, p.nspid, p.pidns)
		if !ok {
			continue
		}
		started := startOf(dir)
		if started == "" || p.started != "" && p.started != started {
			l.end(pid, max(p.at, p.taskAt))
			continue
		}
		p.started = started
	}
}

// startOf returns when the process with this directory in /proc began, in the units of /proc; "" if it has ended. Tests
// replace it.
var startOf = func(dir string) string {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return ""
	}
	// Behind the name, which is in brackets and may have any character, the fields begin with the third one.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, started = 0, 22 - 3
	if len(fields) <= started || fields[state] == "Z" || fields[state] == "X" {
		return ""
	}
	return fields[started]
}

// snapshot calls row with each process, in order of process ids.
func (l *living) snapshot(row func(pid int32, p *process)) {
	for _, pid := range slices.Sorted(maps.Keys(l.byPID)) {
		if p := l.byPID[pid]; p.known {
			row(pid, p)
		}
	}
}

// forget forgets when processes ended before that time: no row that is still to be swept tells of them.
func (l *living) forget(before int64) {
	maps.DeleteFunc(l.ended, func(_ int32, at int64) bool { return at < before })
	if l.unsure < before {
		l.unsure = 0
	}
}
