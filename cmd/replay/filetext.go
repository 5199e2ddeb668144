// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/term"
)

// fileText is the text of a read or write: read /etc/hostname @0 4096 = 5 <0.000003000>.
type fileText struct {
	op, path, offset, size, ret, duration *capture.Accessor
}

func newFileText(c *columns) eventText {
	t := &fileText{op: c.named("op"), offset: c.named("offset"), size: c.named("size"), ret: c.named("ret"),
		duration: c.named("duration_ns")}
	if c.has("path") {
		t.path = c.joined("path")[0]
	}
	return t
}

func (t *fileText) Append(dst []byte, row int) []byte {
	dst = append(term.AppendEscaped(dst, t.op.Text(row)), ' ')
	if names, at := t.path.At(row); at == 0 {
		dst = append(dst, '?')
	} else {
		dst = term.AppendEscaped(dst, names.Str.Bytes(at))
	}
	if offset := t.offset.Int(row); offset != -1 { // which says that there is no position
		dst = strconv.AppendInt(append(dst, " @"...), offset, 10)
	}
	dst = strconv.AppendInt(append(dst, ' '), t.size.Int(row), 10)
	return appendResult(dst, t.ret.Int(row), t.duration.Int(row))
}
