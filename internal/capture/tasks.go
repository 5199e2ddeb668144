// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Task is a row of the dimension task: a thread from TS on, until its comm or exe changed.
type Task struct {
	ID             int32
	TS             int64 // ns since the Unix epoch
	TID, PID, PPID int32
	UID, GID       int64
	Cgroup         int64
	Comm, Exe      string
}

// Tasks are the tasks of a capture. Entry 0 of List stands for all unknown ids; its fields are zero.
type Tasks struct {
	List []Task

	index *idIndex
}

// Index returns the index of an id in List, 0 if it is unknown.
func (t *Tasks) Index(id int32) int32 { return t.index.row(int64(id)) }

// Task returns the task of an id, List[0] if it is unknown.
func (t *Tasks) Task(id int32) *Task { return &t.List[t.Index(id)] }

// taskColumns are the columns of the fields of Task, in their order.
var taskColumns = schema.Of("task").Select("task", "ts", "tid", "pid", "ppid", "uid", "gid", "cgroup", "comm", "exe")

func loadTasks(d *Dimension) (*Tasks, error) {
	rows, err := d.read(taskColumns...)
	if err != nil {
		return nil, err
	}
	tasks := &Tasks{List: make([]Task, rows.Rows), index: rows.index}
	c, texts := rows.Columns, textPool{}
	for i := range tasks.List {
		tasks.List[i] = Task{
			ID: c[0].I32[i], TS: c[1].I64[i],
			TID: c[2].I32[i], PID: c[3].I32[i], PPID: c[4].I32[i],
			UID: c[5].I64[i], GID: c[6].I64[i], Cgroup: c[7].I64[i],
			Comm: texts.add(&c[8].Str, i), Exe: texts.add(&c[9].Str, i),
		}
	}
	return tasks, nil
}

// textPool keeps one copy of each text, because many tasks have the same.
type textPool map[string]string

func (t textPool) add(s *format.Strings, i int) string {
	if known, ok := t[string(s.Bytes(i))]; ok {
		return known
	}
	text := s.At(i)
	t[text] = text
	return text
}
