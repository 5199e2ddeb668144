// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"

	"github.com/fletch-trace/fletch/format"
)

// Bounds of what one dimension of a capture may take in memory; a file that claims more is not believed.
const (
	maxIDs       = 1 << 24
	maxTextBytes = 1 << 30
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

	places
}

var taskColumns = []format.Column{
	{Name: "task", Type: format.Int32}, {Name: "ts", Type: format.Timestamp},
	{Name: "tid", Type: format.Int32}, {Name: "pid", Type: format.Int32}, {Name: "ppid", Type: format.Int32},
	{Name: "uid", Type: format.Int64}, {Name: "gid", Type: format.Int64}, {Name: "cgroup", Type: format.Int64},
	{Name: "comm", Type: format.String}, {Name: "exe", Type: format.String},
}

// Task is the identity of id; one that is not known has zeros and empty texts.
func (t *Tasks) Task(id int32) *Task { return &t.List[t.Index(id)] }

func loadTasks(ctx context.Context, c *format.Capture) (*Tasks, error) {
	tasks := &Tasks{List: make([]Task, 1)}
	texts := texts{}
	err := scan(ctx, c.Table("task"), taskColumns, func(b *format.Batch) error {
		for i := range b.Rows {
			tasks.List = append(tasks.List, Task{
				ID: b.Column("task").I32[i], TS: b.Column("ts").I64[i],
				TID: b.Column("tid").I32[i], PID: b.Column("pid").I32[i], PPID: b.Column("ppid").I32[i],
				UID: b.Column("uid").I64[i], GID: b.Column("gid").I64[i], Cgroup: b.Column("cgroup").I64[i],
				Comm: texts.intern(&b.Column("comm").Str, i), Exe: texts.intern(&b.Column("exe").Str, i),
			})
		}
		return texts.bound("task", len(tasks.List))
	})
	tasks.places = newPlaces(len(tasks.List), func(i int) int32 { return tasks.List[i].ID })
	return tasks, err
}

// texts keeps one copy of each text: there are few different ones.
type texts struct {
	known map[string]string
	bytes int
}

func (t *texts) intern(s *format.Strings, i int) string {
	if known, ok := t.known[string(s.Bytes(i))]; ok {
		return known
	}
	if t.known == nil {
		t.known = map[string]string{}
	}
	text := s.At(i)
	t.known[text] = text
	t.bytes += len(text)
	return text
}

// bound gives an error where a dimension is too large to be true.
func (t *texts) bound(table string, ids int) error {
	if ids > maxIDs || t.bytes > maxTextBytes {
		return fmt.Errorf("table %s: %w: more than %d ids or %d bytes of names", table, format.ErrCorrupt, maxIDs, maxTextBytes)
	}
	return nil
}

// scan reads all of a table that may be missing, after seeing that it has the columns.
func scan(ctx context.Context, table *format.Table, columns []format.Column, fn func(b *format.Batch) error) error {
	if table == nil {
		return nil
	}
	if err := table.Schema.Check(columns...); err != nil {
		return err
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	return table.Scan(ctx, names, 1, func(_ int, b *format.Batch) error { return fn(b) })
}
