// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/term"
)

// text writes rows for people:
//
//	12:00:00.102000000 [001] ls              101/101       openat(AT_FDCWD, 0x7f0000002000, O_RDONLY) = 3 <0.000013000>
type text struct {
	label    []byte // of the capture, where there are several
	times    timeText
	heads    *heads
	columns  []*capture.Accessor
	ts       *capture.Accessor
	cpu      *capture.Accessor // nil where the table lacks it
	describe eventText
}

func newText(o *options, set capture.Set, from *capture.Capture, s *format.Schema, start int64) (*text, error) {
	t := &text{times: newTimeText(o.time, start)}
	if set.Label(from) != "" {
		t.label = newLabel(set, from)
	}
	c := &columns{capture: from, table: s}
	t.describe = newEventText(c, t.times)
	t.ts = c.own(format.Column{Name: "ts", Type: format.Timestamp})
	if cpu := (format.Column{Name: "cpu", Type: format.Int32}); s.Check(cpu) == nil {
		t.cpu = c.own(cpu)
	}
	t.heads, t.columns = newHeads(c), c.used
	return t, c.err
}

// newLabel is the column that says which capture a line is of.
func newLabel(set capture.Set, c *capture.Capture) []byte {
	width := 0
	for _, other := range set {
		width = max(width, term.TextWidth(term.Escape(set.Label(other))))
	}
	return append(pad(term.AppendEscaped(nil, set.Label(c)), 0, width, false), ' ')
}

func (t *text) Columns() []string { return capture.Sources(t.columns) }

func (t *text) Bind(b *format.Batch) {
	for _, a := range t.columns {
		a.Bind(b)
	}
}

// Append appends a row as one line.
func (t *text) Append(dst []byte, row int) []byte {
	dst = append(dst, t.label...)
	dst = t.times(dst, t.ts.Int(row))
	cpu := int64(-1)
	if t.cpu != nil {
		cpu = t.cpu.Int(row)
	}
	dst = append(dst, " ["...)
	if cpu >= 0 && cpu < 100 {
		dst = append(dst, '0', byte('0'+cpu/10), byte('0'+cpu%10))
	} else {
		dst = strconv.AppendInt(dst, cpu, 10)
	}
	dst = append(dst, "] "...)
	dst = append(dst, t.heads.of(row)...)
	return append(t.describe.Append(dst, row), '\n')
}
