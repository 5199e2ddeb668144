// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"unsafe"

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
	if err := d.reserve(int64(rows.Rows) * int64(unsafe.Sizeof(Task{}))); err != nil {
		return nil, err
	}
	tasks := &Tasks{List: make([]Task, rows.Rows), index: rows.index}
	c, texts := rows.Columns, TextPool{}
	for i := range tasks.List {
		tasks.List[i] = Task{
			ID: c[0].I32[i], TS: c[1].I64[i],
			TID: c[2].I32[i], PID: c[3].I32[i], PPID: c[4].I32[i],
			UID: c[5].I64[i], GID: c[6].I64[i], Cgroup: c[7].I64[i],
			Comm: texts.Add(c[8].Str.Bytes(i)), Exe: texts.Add(c[9].Str.Bytes(i)),
		}
	}
	return tasks, d.reserve(texts.bytes)
}

// TextPool keeps one copy of each text, because many rows have the same. The zero value is empty.
type TextPool struct {
	texts map[string]string
	bytes int64
}

// Add returns the text as a string.
func (t *TextPool) Add(text []byte) string {
	if known, ok := t.texts[string(text)]; ok {
		return known
	}
	if t.texts == nil {
		t.texts = map[string]string{}
	}
	s := string(text)
	t.texts[s] = s
	t.bytes += int64(len(s)) + textBytes
	return s
}

// textBytes is what a text takes in a TextPool, besides its bytes.
const textBytes = 48

// Bytes is the memory that the texts take.
func (t *TextPool) Bytes() int64 { return t.bytes }
