// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/term"
)

// taskLabels are the columns of a line that show the task of an event: comm and pid/tid, aligned. The label of a task
// is made when it is first needed, and kept by the index of the task.
type taskLabels struct {
	comm, pid, tid *capture.Accessor // nil if the table has no tasks
	pages          []*[taskPage][]byte
	none           []byte
}

// taskPage is the number of labels in a page. Pages are allocated as needed, because a capture may have many tasks that
// no row refers to.
const taskPage = 1024

func newTaskLabels(c *columns) *taskLabels {
	h := &taskLabels{none: appendTaskLabel(nil, []byte("-"), nil)}
	if c.table.Check(format.Column{Name: "task", Type: format.Int32}) != nil {
		return h
	}
	column := func(name string) *capture.Accessor {
		return c.add(capture.Column{Column: schema.Of("task").Select(name)[0], Source: "task", Dimension: "task"})[0]
	}
	h.comm, h.pid, h.tid = column("comm"), column("pid"), column("tid")
	return h
}

// of returns the label of a row.
func (h *taskLabels) of(row int) []byte {
	if h.comm == nil {
		return h.none
	}
	texts, at := h.comm.At(row)
	for at/taskPage >= len(h.pages) {
		h.pages = append(h.pages, nil)
	}
	page := h.pages[at/taskPage]
	if page == nil {
		page = new([taskPage][]byte)
		h.pages[at/taskPage] = page
	}
	if page[at%taskPage] == nil {
		comm := texts.Str.Bytes(at)
		if at == 0 {
			comm = []byte("?")
		}
		ids := strconv.AppendInt(nil, h.pid.Int(row), 10)
		ids = strconv.AppendInt(append(ids, '/'), h.tid.Int(row), 10)
		page[at%taskPage] = appendTaskLabel(nil, comm, ids)
	}
	return page[at%taskPage]
}

func appendTaskLabel(dst, comm, ids []byte) []byte {
	const commWidth, idWidth = 15, 13
	dst = append(pad(term.AppendEscaped(dst, comm), 0, commWidth, false), ' ')
	from := len(dst)
	return append(pad(append(dst, ids...), from, idWidth, false), ' ')
}
