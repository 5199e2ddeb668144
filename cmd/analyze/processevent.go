// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// What an event takes, with room for the list to grow, and a process with its entries in lists and maps, in bytes.
const (
	eventBytes   = int64(2 * unsafe.Sizeof(processEvent{}))
	processBytes = int64(unsafe.Sizeof(process{}) + 200)
)

// argumentLists keeps one copy of each command line, because many processes have the same.
type argumentLists struct {
	texts capture.TextPool
	lists map[string][]string // by their texts, each with its length
	key   []byte
	bytes int64
}

// add returns row i of a column of lists.
func (l *argumentLists) add(v *format.Vector, i int) []string {
	l.key = l.key[:0]
	for j := v.Rows[i]; j < v.Rows[i+1]; j++ {
		text := v.Str.Bytes(int(j))
		l.key = append(binary.AppendUvarint(l.key, uint64(len(text))), text...)
	}
	if known, ok := l.lists[string(l.key)]; ok {
		return known
	}
	if l.lists == nil {
		l.lists = map[string][]string{}
	}
	list := make([]string, 0, v.Rows[i+1]-v.Rows[i])
	for j := v.Rows[i]; j < v.Rows[i+1]; j++ {
		list = append(list, l.texts.Add(v.Str.Bytes(int(j))))
	}
	l.lists[string(l.key)] = list
	l.bytes += int64(len(l.key)+16*len(list)) + listBytes
	return list
}

// listBytes is what a list takes besides its texts.
const listBytes = 96

// taken is the memory that all lists take.
func (l *argumentLists) taken() int64 { return l.bytes + l.texts.Bytes() }

var processColumns = schema.Of("process").Select("ts", "task", "op", "pid", "ppid", "filename", "args", "exit_code",
	"signal", "duration_ns")

// used is what a process has used, -1 what is not known. Times are ns.
type used struct{ cpu, user, system, memory, faults int64 }

var unknownUse = used{-1, -1, -1, -1, -1}

// usedColumns are the columns that captures of format 1.1 lack: there nothing is known, and not 0.
var usedColumns = schema.Of("process").Select("cpu_ns", "utime_ns", "stime_ns", "rss_max", "major_faults")

// usedAt returns a function for the rows of a batch, in which the columns are only if they are stored.
func usedAt(b *format.Batch, stored bool) func(row int) used {
	if !stored {
		return func(int) used { return unknownUse }
	}
	var v [5][]int64
	for i, c := range usedColumns {
		v[i] = b.Column(c.Name).I64
	}
	return func(row int) used { return used{v[0][row], v[1][row], v[2][row], v[3][row], v[4][row]} }
}

// processEvent is one row of the table process.
type processEvent struct {
	ts               int64
	task             int32
	op               string
	pid, ppid        int32
	filename         string
	args             []string
	exitCode, signal int32
	duration         int64
	used             used // of snapshot, end and exit
	matches          bool // the filter
}

// processOps are the values of op that are known, in the order in which events with the same time are applied.
var processOps = []string{"snapshot", "fork", "exec", "end", "exit"}

// processOp returns the value of op that a text is, "" if none is known.
func processOp(text []byte) string {
	for _, op := range processOps {
		if string(text) == op {
			return op
		}
	}
	return ""
}

// readProcessEvents reads all events of processes, sorted by time. A filter only marks those that match, because what a
// process is depends on all of its events.
func readProcessEvents(e *env, c *capture.Capture, p *filter.Program) ([]processEvent, error) {
	var events []processEvent
	match, columns, err := bindFilter(c, "process", p)
	if err != nil {
		return nil, err
	}
	var lists argumentLists
	memory := budget.Of(e.ctx).Account("the processes of the capture")
	columns = append(columns, processColumns...)
	stored := storesUse(c)
	if stored {
		columns = append(columns, usedColumns...)
	}
	s := e.scan(c, "process", columns, nil)
	s.Ordered = true
	err = s.Run(e.ctx, func(_ int, b *format.Batch) error {
		matches, used := match(b), usedAt(b, stored)
		for i := range b.Rows {
			if i%budget.AccountStep == 0 {
				err := memory.Set((eventBytes+processBytes)*int64(len(events)+budget.AccountStep) + lists.taken())
				if err != nil {
					return err
				}
			}
			ev := processEvent{
				ts: b.Column("ts").I64[i], task: b.Column("task").I32[i], matches: matches(i),
				op:  processOp(b.Column("op").Str.Bytes(i)),
				pid: b.Column("pid").I32[i], ppid: b.Column("ppid").I32[i],
				exitCode: b.Column("exit_code").I32[i], signal: b.Column("signal").I32[i],
				duration: b.Column("duration_ns").I64[i], used: used(i),
			}
			if ev.op == "" {
				continue // written by a newer minor version
			}
			if filename, args := &b.Column("filename").Str, b.Column("args"); ev.op != "exit" && ev.op != "end" {
				ev.filename, ev.args = lists.texts.Add(filename.Bytes(i)), lists.add(args, i)
			}
			events = append(events, ev)
		}
		return nil
	})
	slices.SortStableFunc(events, func(a, b processEvent) int {
		return cmp.Or(cmp.Compare(a.ts, b.ts),
			cmp.Compare(slices.Index(processOps, a.op), slices.Index(processOps, b.op)))
	})
	return events, err
}

// storesUse reports whether a capture has the columns of what processes have used.
func storesUse(c *capture.Capture) bool {
	t := c.Table("process")
	return t != nil && !slices.ContainsFunc(usedColumns, func(column format.Column) bool {
		return !slices.Contains(t.Stored(), column)
	})
}

// bindFilter returns a function that tells which rows of a batch match a filter, and the columns that it needs. Without
// a filter all rows match.
func bindFilter(c *capture.Capture, table string, p *filter.Program) (func(b *format.Batch) func(row int) bool,
	[]format.Column, error) {
	t := c.Table(table)
	if p == nil || t == nil {
		return func(*format.Batch) func(int) bool { return func(int) bool { return true } }, nil, nil
	}
	bound, err := c.Bind(p, t)
	if err != nil {
		return nil, nil, err
	}
	var columns []format.Column
	for _, name := range bound.Columns() {
		columns = append(columns, t.Schema.Columns[t.Schema.Index(name)])
	}
	var selected filter.Selection
	return func(b *format.Batch) func(int) bool {
		selected = bound.Match(b, selected)
		return selected.Has
	}, columns, nil
}
