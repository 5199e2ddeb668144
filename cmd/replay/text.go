// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
)

// text writes rows for people:
//
//	12:00:00.102000000 [001] ls              101/101       openat(AT_FDCWD, 0x7f0000002000, O_RDONLY) = 3 <0.000013000>
type text struct {
	schema  *format.Schema
	columns []string
	label   []byte // of the capture, where there are several
	times   func(dst []byte, ns int64) []byte
	tasks   *capture.Tasks
	heads   []*[headPage][]byte // of each task: comm, pid and tid; made when first needed
	calls   *syscalls.Table
	paths   *capture.Texts
	event   func(t *text, dst []byte, row int) []byte

	// Of the batch; nil where the table lacks them.
	batch      *format.Batch
	ts         []int64
	cpu, task  []int32
	nr         []int32
	args       [6][]int64
	ret, took  []int64
	pid, ppid  []int32
	op, file   *format.Strings
	argv       *format.Vector
	code, sign []int32
	until, n   []int64
	family     *format.Strings
	object     objectColumns
}

// headPage is how many tasks have their heads in one piece of memory.
const headPage = 1024

// events are the tables that have a way of their own to be written, and the columns it needs. Others, and those that lack
// a column, are written as name=value.
var events = map[string]struct {
	event   func(t *text, dst []byte, row int) []byte
	columns []format.Column
}{
	"syscall": {(*text).appendSyscall, append(callColumns(), column("ret", format.Int64), column("duration_ns", format.Int64))},
	"pending": {(*text).appendPending, callColumns()},
	"process": {(*text).appendProcess, []format.Column{column("op", format.String), column("pid", format.Int32), column("ppid", format.Int32),
		column("filename", format.String), column("args", format.StringList), column("exit_code", format.Int32),
		column("signal", format.Int32), column("duration_ns", format.Int64)}},
	"file":    {(*text).appendFile, fileColumns},
	"ipc":     {(*text).appendIPC, ipcColumns},
	"tcp":     {(*text).appendTCP, tcpColumns},
	"seccomp": {(*text).appendSeccomp, seccompColumns},
	"loss":    {(*text).appendLoss, []format.Column{column("until", format.Timestamp), column("family", format.String), column("count", format.Int64)}},
}

func column(name string, t format.Type) format.Column { return format.Column{Name: name, Type: t} }

func callColumns() []format.Column {
	columns := []format.Column{column("nr", format.Int32)}
	for i := range 6 {
		columns = append(columns, column("arg"+strconv.Itoa(i), format.Int64))
	}
	return columns
}

func newText(o *options, set capture.Set, c *capture.Capture, s *format.Schema, start int64) (*text, error) {
	tasks, err := c.Tasks()
	if err != nil {
		return nil, err
	}
	t := &text{schema: s, times: newTimes(o.time, start), tasks: tasks, heads: make([]*[headPage][]byte, len(tasks.List)/headPage+1), calls: c.Calls()}
	if t.paths, err = c.Texts("path", "name"); err != nil {
		return nil, err
	}
	if set.Label(c) != "" {
		t.label = newLabel(set, c)
	}
	known, ok := events[s.Table]
	if !ok || s.Check(known.columns...) != nil {
		t.event = (*text).appendOther
		return t, nil // with all columns
	}
	t.event = known.event
	t.columns = []string{"ts", "cpu", "task"}
	for _, c := range known.columns {
		t.columns = append(t.columns, c.Name)
	}
	return t, nil
}

// newLabel is the column that says which capture a line is of.
func newLabel(set capture.Set, c *capture.Capture) []byte {
	width := 0
	for _, other := range set {
		width = max(width, term.TextWidth(term.Escape(set.Label(other))))
	}
	return append(pad(term.AppendEscaped(nil, set.Label(c)), 0, width, false), ' ')
}

// newTimes is how the column of times is written.
func newTimes(kind string, start int64) func(dst []byte, ns int64) []byte {
	switch kind {
	case "utc":
		return stamp.RFC3339().Append
	case "relative":
		return func(dst []byte, ns int64) []byte {
			from := len(dst)
			dst = stamp.Seconds(dst, ns-start, 9)
			return pad(dst, from, 14, true)
		}
	}
	return stamp.New("15:04:05", "", time.Local).Append
}

func (t *text) Columns() []string { return t.columns }

func (t *text) Bind(b *format.Batch) {
	t.batch = b
	t.ts, t.cpu, t.task = int64s(b, "ts"), int32s(b, "cpu"), int32s(b, "task")
	switch t.schema.Table {
	case "syscall", "pending":
		t.nr, t.ret, t.took = int32s(b, "nr"), int64s(b, "ret"), int64s(b, "duration_ns")
		for i := range t.args {
			t.args[i] = int64s(b, "arg"+strconv.Itoa(i))
		}
	case "process":
		t.pid, t.ppid, t.took = int32s(b, "pid"), int32s(b, "ppid"), int64s(b, "duration_ns")
		t.op, t.file, t.argv = texts(b, "op"), texts(b, "filename"), b.Column("args")
		t.code, t.sign = int32s(b, "exit_code"), int32s(b, "signal")
	case "file", "ipc", "tcp", "seccomp":
		t.bindObject(b)
	case "loss":
		t.until, t.n, t.family = int64s(b, "until"), int64s(b, "count"), texts(b, "family")
	}
}

// int32s are the values of a column, nil where it is missing or of another type.
func int32s(b *format.Batch, name string) []int32 {
	if v := b.Column(name); v != nil && v.Type == format.Int32 {
		return v.I32
	}
	return nil
}

func int64s(b *format.Batch, name string) []int64 {
	if v := b.Column(name); v != nil && (v.Type == format.Int64 || v.Type == format.Timestamp) {
		return v.I64
	}
	return nil
}

func texts(b *format.Batch, name string) *format.Strings {
	if v := b.Column(name); v != nil && v.Type == format.String {
		return &v.Str
	}
	return nil
}

// Append appends a row as one line.
func (t *text) Append(dst []byte, row int) []byte {
	dst = append(dst, t.label...)
	dst = t.times(dst, t.ts[row])
	cpu := int64(-1)
	if t.cpu != nil {
		cpu = int64(t.cpu[row])
	}
	dst = append(dst, " ["...)
	if cpu >= 0 && cpu < 100 {
		dst = append(dst, '0', byte('0'+cpu/10), byte('0'+cpu%10))
	} else {
		dst = strconv.AppendInt(dst, cpu, 10)
	}
	dst = append(dst, "] "...)
	dst = append(dst, t.head(row)...)
	return append(t.event(t, dst, row), '\n')
}

// head is who an event is of: comm and pid/tid, aligned.
func (t *text) head(row int) []byte {
	at := int32(0)
	if t.task != nil {
		at = t.tasks.Index(t.task[row])
	}
	page := t.heads[at/headPage]
	if page == nil {
		page = new([headPage][]byte)
		t.heads[at/headPage] = page
	}
	head := &page[at%headPage]
	if *head == nil {
		*head = newHead(&t.tasks.List[at], t.task != nil)
	}
	return *head
}

func newHead(task *capture.Task, known bool) []byte {
	const commWidth, idWidth = 15, 13
	comm := task.Comm
	if task.ID == 0 {
		comm = "?"
	}
	if !known {
		comm = "-"
	}
	head := append(pad(term.AppendEscaped(nil, comm), 0, commWidth, false), ' ')
	from := len(head)
	if known {
		head = strconv.AppendInt(head, int64(task.PID), 10)
		head = append(head, '/')
		head = strconv.AppendInt(head, int64(task.TID), 10)
	}
	return append(pad(head, from, idWidth, false), ' ')
}

// pad makes what dst has from `from` on as wide as width, in columns of a terminal.
func pad(dst []byte, from, width int, right bool) []byte {
	missing := width - term.TextWidth(dst[from:])
	for range missing {
		dst = append(dst, ' ')
	}
	if right && missing > 0 {
		copy(dst[from+missing:], slices.Clone(dst[from:len(dst)-missing]))
		for i := range missing {
			dst[from+i] = ' '
		}
	}
	return dst
}
