//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// An environment is what a trigger may ask about ids: what is known of the dimensions. It is for one goroutine.
type environment struct {
	task, path, cgroup *dimension
	calls              *syscalls.Table
	batches            map[*dimension]*format.Batch // one row each
	unknown            bool                         // an id was asked for that is not known (yet)
}

func newEnvironment(task, path, cgroup *dimension, calls *syscalls.Table) *environment {
	e := &environment{task: task, path: path, cgroup: cgroup, calls: calls, batches: make(map[*dimension]*format.Batch)}
	for _, d := range []*dimension{task, path, cgroup} {
		e.batches[d] = format.NewBatch(d.layout.Schema)
	}
	return e
}

// row is the row of an id, until the next call; nil if it is not known.
func (e *environment) row(d *dimension, id int64) *format.Batch {
	rec, ok := d.find(id)
	if !ok {
		e.unknown = e.unknown || id > 0
		return nil
	}
	b := e.batches[d]
	b.Reset()
	d.layout.Gather(b, rec, -1, 0)
	return b
}

func (e *environment) Task(id int32) (filter.Task, bool) {
	b := e.row(e.task, int64(id))
	if b == nil {
		return filter.Task{}, false
	}
	return filter.Task{
		TID: b.Column("tid").I32[0], PID: b.Column("pid").I32[0], PPID: b.Column("ppid").I32[0],
		UID: b.Column("uid").I64[0], GID: b.Column("gid").I64[0], Cgroup: b.Column("cgroup").I64[0],
		Comm: b.Column("comm").Str.At(0), Exe: b.Column("exe").Str.At(0),
	}, true
}

func (e *environment) Path(id int32) (string, bool) {
	b := e.row(e.path, int64(id))
	if b == nil {
		return "", false
	}
	return b.Column("name").Str.At(0), true
}

func (e *environment) Cgroup(id int64) (filter.Cgroup, bool) {
	b := e.row(e.cgroup, id)
	if b == nil {
		return filter.Cgroup{}, false
	}
	return filter.Cgroup{Name: b.Column("name").Str.At(0), Container: b.Column("container").Str.At(0)}, true
}

func (e *environment) SyscallName(nr int32) string { return e.calls.Name(nr) }
