// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/fletch-trace/fletch/internal/schema"
)

// eventText appends the text of a row of a table, without the time, CPU and task that each line begins with.
type eventText interface {
	Append(dst []byte, row int) []byte
}

// tableTexts are the tables with a text of their own, which is in tabletext.go. The functions set c.incomplete if a
// column is missing.
var tableTexts = map[string]func(c *columns) eventText{
	"syscall": newSyscallText,
	"pending": newPendingText,
	"process": newProcessText,
	"file":    newFileText,
	"ipc":     newIPCText,
	"tcp":     newTCPText,
	"seccomp": newSeccompText,
	"loss":    newLossText,
}

// newEventText returns the text of a table: the one in tableTexts, or the template in events.h, or else plainText.
// plainText is also used if the table lacks a column that its own text needs.
func newEventText(c *columns, times timeText) eventText {
	if newText, ok := tableTexts[c.table.Table]; ok {
		if t := newText(c); !c.incomplete {
			return t
		}
	} else if known := schema.Of(c.table.Table); known != nil && known.Text != "" {
		if t := newTemplate(c, known.Text, times); !c.incomplete {
			return t
		}
	}
	c.used, c.incomplete = nil, false
	return newPlainText(c, times)
}

// template is a text from events.h, in which {column} stands for the value of a column.
type template struct {
	texts  []string // before each value, and after the last
	values []*value
}

// newTemplate parses a template. It returns nil and sets c.incomplete if the table lacks a column.
func newTemplate(c *columns, text string, times timeText) eventText {
	t := &template{}
	for {
		before, rest, found := strings.Cut(text, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			t.texts = append(t.texts, text)
			return t
		}
		if !c.has(name) {
			return nil
		}
		t.texts = append(t.texts, before)
		t.values = append(t.values, newValue(c, c.table.Columns[c.table.Index(name)], times))
		text = after
	}
}

func (t *template) Append(dst []byte, row int) []byte {
	for i, v := range t.values {
		dst = append(dst, t.texts[i]...)
		dst = v.Append(dst, row)
	}
	return append(dst, t.texts[len(t.values)]...)
}

// plainText is the text of tables that have none of their own: the name of the table, and all columns with their
// values.
//
//	disk device="sda" sector=-1 wait=0.000013000s ret=-1 EIO (Input/output error)
type plainText struct {
	table  string
	names  []string
	values []*value
}

func newPlainText(c *columns, times timeText) eventText {
	t := &plainText{table: c.table.Table}
	for _, column := range c.table.Columns {
		if column.Name == "ts" || column.Name == "cpu" || column.Name == "task" {
			continue // the line begins with them
		}
		v := newValue(c, column, times)
		v.quote = true
		name := column.Name
		if v.unit != "" { // the value shows the unit
			name = strings.TrimSuffix(name, "_ns")
		}
		t.names, t.values = append(t.names, name), append(t.values, v)
	}
	return t
}

func (t *plainText) Append(dst []byte, row int) []byte {
	dst = append(dst, t.table...)
	for i, v := range t.values {
		dst = append(append(append(dst, ' '), t.names[i]...), '=')
		dst = v.Append(dst, row)
	}
	return dst
}
