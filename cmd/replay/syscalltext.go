// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/syscalls"
)

// callText is the call of a system call: openat(AT_FDCWD, 0x7f0000002000, O_RDONLY).
type callText struct {
	calls *syscalls.Table
	nr    *capture.Accessor
	args  [6]*capture.Accessor
}

func newCallText(c *columns) callText {
	t := callText{calls: c.capture.Calls(), nr: c.named("nr")}
	for i := range t.args {
		t.args[i] = c.named("arg" + strconv.Itoa(i))
	}
	return t
}

func (t *callText) appendCall(dst []byte, nr int32, row int) []byte {
	var args [6]int64
	for i, a := range t.args {
		args[i] = a.Int(row)
	}
	return t.calls.AppendCall(dst, nr, args)
}

// syscallText is the text of a call that returned: openat(AT_FDCWD, 0x7f0000002000, O_RDONLY) = 3 <0.000013000>.
type syscallText struct {
	callText
	ret, duration *capture.Accessor
}

func newSyscallText(c *columns) eventText {
	return &syscallText{newCallText(c), c.named("ret"), c.named("duration_ns")}
}

func (t *syscallText) Append(dst []byte, row int) []byte {
	nr := int32(t.nr.Int(row))
	dst = append(t.appendCall(dst, nr, row), ' ')
	dst = t.calls.AppendRet(dst, nr, t.ret.Int(row))
	return appendDuration(dst, t.duration.Int(row))
}

// pendingText is the text of a call that did not return: epoll_wait(...) <unfinished ...>.
type pendingText struct{ callText }

func newPendingText(c *columns) eventText { return &pendingText{newCallText(c)} }

func (t *pendingText) Append(dst []byte, row int) []byte {
	return append(t.appendCall(dst, int32(t.nr.Int(row)), row), " <unfinished ...>"...)
}
