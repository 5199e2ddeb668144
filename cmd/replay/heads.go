// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/term"
)

// heads are who events are of: comm and pid/tid, aligned. Each task's is made when it is first needed.
type heads struct {
	comm, pid, tid *capture.Accessor // nil where the table has no tasks
	pages          []*[headPage][]byte
	none           []byte
}

// headPage is how many tasks have their heads in one piece of memory.
const headPage = 1024

func newHeads(c *columns) *heads {
	h := &heads{none: appendHead(nil, []byte("-"), nil)}
	if c.table.Check(format.Column{Name: "task", Type: format.Int32}) != nil {
		return h
	}
	column := func(name string) *capture.Accessor {
		return c.add(capture.Column{Column: schema.Of("task").Select(name)[0], Source: "task", Dimension: "task"})[0]
	}
	h.comm, h.pid, h.tid = column("comm"), column("pid"), column("tid")
	return h
}

// of is the head of a row.
func (h *heads) of(row int) []byte {
	if h.comm == nil {
		return h.none
	}
	texts, at := h.comm.At(row)
	for at/headPage >= len(h.pages) {
		h.pages = append(h.pages, nil)
	}
	page := h.pages[at/headPage]
	if page == nil {
		page = new([headPage][]byte)
		h.pages[at/headPage] = page
	}
	if page[at%headPage] == nil {
		comm := texts.Str.Bytes(at)
		if at == 0 {
			comm = []byte("?")
		}
		ids := strconv.AppendInt(nil, h.pid.Int(row), 10)
		ids = strconv.AppendInt(append(ids, '/'), h.tid.Int(row), 10)
		page[at%headPage] = appendHead(nil, comm, ids)
	}
	return page[at%headPage]
}

func appendHead(dst, comm, ids []byte) []byte {
	const commWidth, idWidth = 15, 13
	dst = append(pad(term.AppendEscaped(dst, comm), 0, commWidth, false), ' ')
	from := len(dst)
	return append(pad(append(dst, ids...), from, idWidth, false), ' ')
}
