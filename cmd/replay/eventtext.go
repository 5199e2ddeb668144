// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/fletch-trace/fletch/internal/schema"

// eventText appends what a row of a table says, without when and who.
type eventText interface {
	Append(dst []byte, row int) []byte
}

// own are the tables that have a text of their own: what makes it names the columns that it needs.
var own = map[string]func(c *columns) eventText{
	"syscall": newSyscallText,
	"pending": newPendingText,
	"process": newProcessText,
	"file":    newFileText,
	"ipc":     newIPCText,
	"tcp":     newTCPText,
	"seccomp": newSeccompText,
	"loss":    newLossText,
}

// newEventText is the text of a table: its own, that of events.h, else name=value. The last is also that of a table
// that lacks a column which its own text names.
func newEventText(c *columns, times timeText) eventText {
	if newText, ok := own[c.table.Table]; ok {
		if t := newText(c); !c.lacks {
			return t
		}
	} else if known := schema.Of(c.table.Table); known != nil && known.Text != "" {
		if t := newTemplate(c, known.Text, times); !c.lacks {
			return t
		}
	}
	c.used, c.lacks = nil, false
	return newPlainText(c, times)
}
