// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
)

// seccompText is the text of what a filter did: getpgid -> errno 13 EACCES at 0x408c0e.
type seccompText struct {
	calls                *syscalls.Table
	nr, action, code, ip *capture.Accessor
}

func newSeccompText(c *columns) eventText {
	return &seccompText{c.capture.Calls(), c.named("nr"), c.named("action"), c.named("code"), c.named("ip")}
}

func (t *seccompText) Append(dst []byte, row int) []byte {
	dst = append(append(dst, t.calls.Name(int32(t.nr.Int(row)))...), " -> "...)
	dst = term.AppendEscaped(dst, capture.Action(string(t.action.Text(row)), int32(t.code.Int(row))))
	return strconv.AppendUint(append(dst, " at 0x"...), uint64(t.ip.Int(row)), 16)
}
