// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Task is an identity: a thread as it was from TS on, until its comm or exe changed.
type Task struct {
	ID             int32
	TS             int64 // ns
	TID, PID, PPID int32
	UID, GID       int64
	Cgroup         int64
	Comm, Exe      string
}

// Tasks are the identities of a capture. Entry 0 stands for all that are not known.
type Tasks struct {
	List []Task

	places *places
}

// Index is the place of an id in the list, 0 where it is not known.
func (t *Tasks) Index(id int32) int32 { return t.places.index(int64(id)) }

// Task is the identity of id; one that is not known has zeros and empty texts.
func (t *Tasks) Task(id int32) *Task { return &t.List[t.Index(id)] }

// taskColumns are those of a Task, in its order.
var taskColumns = schema.Of("task").Select("task", "ts", "tid", "pid", "ppid", "uid", "gid", "cgroup", "comm", "exe")

func loadTasks(d *Dimension) (*Tasks, error) {
	rows, err := d.read(taskColumns...)
	if err != nil {
		return nil, err
	}
	tasks := &Tasks{List: make([]Task, rows.Rows), places: rows.places}
	c, texts := rows.Columns, interned{}
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

// interned keeps one copy of each text: there are few different ones.
type interned map[string]string

func (t interned) add(s *format.Strings, i int) string {
	if known, ok := t[string(s.Bytes(i))]; ok {
		return known
	}
	text := s.At(i)
	t[text] = text
	return text
}
