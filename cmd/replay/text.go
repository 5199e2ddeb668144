// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/term"
)

// text is the formatter for people:
//
//	12:00:00.102000000 [001] ls              101/101       close(3) = 0 <0.000013000>
type text struct {
	label   []byte // of the capture, if there are several
	times   timeText
	tasks   *taskLabels
	columns []*capture.Accessor
	ts      *capture.Accessor
	cpu     *capture.Accessor // nil where the table lacks it
	event   eventText
}

func newText(o *options, set capture.Set, from *capture.Capture, s *format.Schema, start int64) (*text, error) {
	t := &text{times: newTimeText(o.time, start)}
	if set.Label(from) != "" {
		t.label = newLabel(set, from)
	}
	c := &columns{capture: from, table: s}
	t.event = newEventText(c, t.times)
	t.ts = c.column(format.Column{Name: "ts", Type: format.Timestamp})
	if cpu := (format.Column{Name: "cpu", Type: format.Int32}); s.Check(cpu) == nil {
		t.cpu = c.column(cpu)
	}
	t.tasks, t.columns = newTaskLabels(c), c.used
	return t, c.err
}

// newLabel returns the column of a line that says which capture it is from, padded to the longest label.
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
	dst = append(dst, t.tasks.of(row)...)
	return append(t.event.Append(dst, row), '\n')
}

// timeText appends a time, given in ns since the Unix epoch.
type timeText func(dst []byte, ns int64) []byte

// newTimeText returns the format of times for a value of --time. Relative times count from start.
func newTimeText(kind string, start int64) timeText {
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

// pad pads the text dst[from:] with spaces to a width in terminal columns, on its left if right is set.
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
