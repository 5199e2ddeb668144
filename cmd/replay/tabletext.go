// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
)

// callText is the text of a system call with its arguments: openat(AT_FDCWD, "/etc/passwd", O_RDONLY).
type callText struct {
	calls *syscalls.Table
	nr    *capture.Accessor
	args  [6]*capture.Accessor
	texts [2]*capture.Accessor // nil: the capture has none
}

func newCallText(c *columns) callText {
	t := callText{calls: c.capture.Calls(), nr: c.byName("nr")}
	for i := range t.args {
		t.args[i] = c.byName("arg" + strconv.Itoa(i))
	}
	for i, name := range []string{"str", "str2"} {
		if texts := c.joined(name); len(texts) > 0 && texts[0] != nil {
			t.texts[i] = texts[0]
		}
	}
	return t
}

func (t *callText) appendCall(dst []byte, nr int32, row int) []byte {
	var args [6]int64
	for i, a := range t.args {
		args[i] = a.Int(row)
	}
	var texts [2][]byte
	var room [2][128]byte // for most of them, without an allocation
	for i, a := range t.texts {
		if a == nil {
			continue
		}
		if values, at := a.At(row); at > 0 {
			texts[i] = term.AppendQuoted(room[i][:0], values.Str.Bytes(at))
		}
	}
	return t.calls.AppendCallTexts(dst, nr, args, texts)
}

// syscallText is the text of table syscall: openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3 <0.000013000>.
type syscallText struct {
	callText
	ret  *capture.Accessor
	took took
}

func newSyscallText(c *columns) eventText {
	return &syscallText{newCallText(c), c.byName("ret"), newTook(c)}
}

func (t *syscallText) Append(dst []byte, row int) []byte {
	nr := int32(t.nr.Int(row))
	dst = append(t.appendCall(dst, nr, row), ' ')
	dst = t.calls.AppendRet(dst, nr, t.ret.Int(row))
	if !t.calls.Returns(nr) && t.took.duration.Int(row) == 0 { // in captures of format 1.1
		return appendDuration(dst, -1)
	}
	return t.took.append(dst, row)
}

// pendingText is the text of table pending: epoll_wait(...) <unfinished ...>.
type pendingText struct{ callText }

func newPendingText(c *columns) eventText { return &pendingText{newCallText(c)} }

func (t *pendingText) Append(dst []byte, row int) []byte {
	return append(t.appendCall(dst, int32(t.nr.Int(row)), row), " <unfinished ...>"...)
}

// processText is the text of table process:
//
//	running 100, child of 1: /usr/bin/bash ["bash"]
//	fork 101
//	exec /usr/bin/ls ["ls", "-l"]
//	exit 0 after 0.020000s, used 0.001700s of CPU and 2.0 MiB
//	still running 100, used 0.001700s of CPU and 2.0 MiB
type processText struct {
	op, pid, ppid, filename, args, exitCode, signal, duration *capture.Accessor

	cpu, memory *capture.Accessor // nil: the capture lacks them
}

func newProcessText(c *columns) eventText {
	t := &processText{op: c.byName("op"), pid: c.byName("pid"), ppid: c.byName("ppid"),
		filename: c.byName("filename"), args: c.byName("args"), exitCode: c.byName("exit_code"),
		signal: c.byName("signal"), duration: c.byName("duration_ns")}
	if c.stored("cpu_ns") && c.stored("rss_max") {
		t.cpu, t.memory = c.byName("cpu_ns"), c.byName("rss_max")
	}
	return t
}

func (t *processText) Append(dst []byte, row int) []byte {
	switch op := t.op.Text(row); string(op) {
	case "snapshot":
		dst = strconv.AppendInt(append(dst, "running "...), t.pid.Int(row), 10)
		dst = strconv.AppendInt(append(dst, ", child of "...), t.ppid.Int(row), 10)
		return t.appendProgram(append(dst, ": "...), row)
	case "fork":
		return strconv.AppendInt(append(dst, "fork "...), t.pid.Int(row), 10)
	case "exec":
		return t.appendProgram(append(dst, "exec "...), row)
	case "exit":
		return t.appendUsed(t.appendExit(dst, row), row)
	case "end":
		dst = strconv.AppendInt(append(dst, "still running "...), t.pid.Int(row), 10)
		return t.appendUsed(dst, row)
	default:
		return term.AppendEscaped(dst, op)
	}
}

// appendProgram appends a program and its arguments: /usr/bin/ls ["ls", "-l"].
func (t *processText) appendProgram(dst []byte, row int) []byte {
	dst = append(term.AppendEscaped(dst, t.filename.Text(row)), ' ')
	args, at := t.args.At(row)
	return appendList(dst, args, at)
}

func (t *processText) appendExit(dst []byte, row int) []byte {
	if signal := t.signal.Int(row); signal != 0 {
		dst = append(append(dst, "exit killed by "...), capture.Signal(int32(signal))...)
	} else {
		dst = strconv.AppendInt(append(dst, "exit "...), t.exitCode.Int(row), 10)
	}
	duration := t.duration.Int(row)
	if duration < 0 {
		return dst
	}
	return append(stamp.Seconds(append(dst, " after "...), duration, 6), 's')
}

// appendUsed appends what a process has used, as far as it is known.
func (t *processText) appendUsed(dst []byte, row int) []byte {
	if t.cpu == nil {
		return dst
	}
	between := ", used "
	if cpu := t.cpu.Int(row); cpu >= 0 {
		dst = append(stamp.Seconds(append(dst, between...), cpu, 6), "s of CPU"...)
		between = " and "
	}
	if memory := t.memory.Int(row); memory >= 0 {
		dst = append(append(dst, between...), term.Bytes(memory)...)
	}
	return dst
}

// fileText is the text of table file: operation, path, offset, size, result and duration, as in
//
//	read /etc/hostname @0 4096 = 5 <0.000003000>
type fileText struct {
	op, path, offset, size, ret *capture.Accessor
	took                        took
}

func newFileText(c *columns) eventText {
	t := &fileText{op: c.byName("op"), offset: c.byName("offset"), size: c.byName("size"), ret: c.byName("ret"),
		took: newTook(c)}
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
	switch offset := t.offset.Int(row); offset {
	case -1: // the file has no position
	case -2:
		dst = append(dst, " @?"...)
	default:
		dst = strconv.AppendInt(append(dst, " @"...), offset, 10)
	}
	dst = strconv.AppendInt(append(dst, ' '), t.size.Int(row), 10)
	return t.took.append(syscalls.AppendResult(append(dst, ' '), t.ret.Int(row)), row)
}

// ipcText is the text of table ipc, a permission check:
//
//	ipc asks r-- 0400 of key 0x0f1e504c id 8 owner 0 creator 0 mode 0644 as uid 1000
type ipcText struct {
	flag, key, id, owner, creator, mode, uid *capture.Accessor
}

func newIPCText(c *columns) eventText {
	return &ipcText{flag: c.byName("flag"), key: c.byName("key"), id: c.byName("id"), owner: c.byName("owner"),
		creator: c.byName("creator"), mode: c.byName("mode"), uid: c.byName("uid")}
}

func (t *ipcText) Append(dst []byte, row int) []byte {
	flag := int32(t.flag.Int(row))
	dst = append(append(dst, "ipc asks "...), capture.Right(flag)...)
	dst = syscalls.AppendOctal(append(dst, ' '), uint64(uint32(flag)))
	dst = fmt.Appendf(dst, " of key %s id %d owner %d creator %d mode ", capture.Key(t.key.Int(row)), t.id.Int(row),
		t.owner.Int(row), t.creator.Int(row))
	dst = syscalls.AppendOctal(dst, uint64(uint32(t.mode.Int(row))))
	return strconv.AppendInt(append(dst, " as uid "...), t.uid.Int(row), 10)
}

// tcpText is the text of table tcp: connect 127.0.0.1:41176 -> 127.0.0.1:38625 = 0 <0.000378000>.
type tcpText struct {
	op, saddr, sport, daddr, dport, ret, sent, received, retransmits, srtt *capture.Accessor
	took
}

func newTCPText(c *columns) eventText {
	return &tcpText{op: c.byName("op"), saddr: c.byName("saddr"), sport: c.byName("sport"), daddr: c.byName("daddr"),
		dport: c.byName("dport"), ret: c.byName("ret"), took: newTook(c), sent: c.byName("sent"),
		received: c.byName("received"), retransmits: c.byName("retransmits"), srtt: c.byName("srtt_ns")}
}

func (t *tcpText) Append(dst []byte, row int) []byte {
	op, ret := t.op.Text(row), t.ret.Int(row)
	arrow := " -> "
	if string(op) == "accept" {
		arrow = " <- "
	}
	dst = append(term.AppendEscaped(dst, op), ' ')
	dst = appendEndpoint(dst, t.saddr.Text(row), t.sport.Int(row))
	dst = appendEndpoint(append(dst, arrow...), t.daddr.Text(row), t.dport.Int(row))
	switch {
	case string(op) == "accept" && ret == 0, string(op) == "snapshot":
		return dst
	case string(op) != "close" && string(op) != "end":
		return t.took.append(syscalls.AppendResult(append(dst, ' '), ret), row)
	}
	dst = strconv.AppendInt(append(dst, " sent "...), t.sent.Int(row), 10)
	dst = strconv.AppendInt(append(dst, " received "...), t.received.Int(row), 10)
	dst = strconv.AppendInt(append(dst, " retransmits "...), t.retransmits.Int(row), 10)
	dst = append(append(dst, " rtt "...), term.Duration(time.Duration(t.srtt.Int(row)))...)
	if ret != 0 {
		dst = syscalls.AppendResult(append(dst, ' '), ret)
	}
	return t.took.append(dst, row)
}

// appendEndpoint appends an address with its port: 127.0.0.1:80, [::1]:80.
func appendEndpoint(dst, address []byte, port int64) []byte {
	if slices.Contains(address, ':') {
		dst = append(term.AppendEscaped(append(dst, '['), address), ']')
	} else {
		dst = term.AppendEscaped(dst, address)
	}
	return strconv.AppendInt(append(dst, ':'), port, 10)
}

// seccompText is the text of table seccomp: getpgid -> errno 13 EACCES at 0x408c0e.
type seccompText struct {
	calls                *syscalls.Table
	nr, action, code, ip *capture.Accessor
}

func newSeccompText(c *columns) eventText {
	return &seccompText{c.capture.Calls(), c.byName("nr"), c.byName("action"), c.byName("code"), c.byName("ip")}
}

func (t *seccompText) Append(dst []byte, row int) []byte {
	dst = append(append(dst, t.calls.Name(int32(t.nr.Int(row)))...), " -> "...)
	dst = term.AppendEscaped(dst, capture.Action(string(t.action.Text(row)), int32(t.code.Int(row))))
	return strconv.AppendUint(append(dst, " at 0x"...), uint64(t.ip.Int(row)), 16)
}

// lossText is the text of table loss: *** lost 12 syscall events within 100 ms ***.
type lossText struct {
	ts, until, family, count *capture.Accessor
}

func newLossText(c *columns) eventText {
	return &lossText{c.byName("ts"), c.byName("until"), c.byName("family"), c.byName("count")}
}

func (t *lossText) Append(dst []byte, row int) []byte {
	dst = append(dst, "*** lost "...)
	dst = append(dst, term.Count(t.count.Int(row))...)
	dst = term.AppendEscaped(append(dst, ' '), t.family.Text(row))
	dst = append(dst, " events within "...)
	dst = append(dst, term.Duration(time.Duration(t.until.Int(row)-t.ts.Int(row)))...)
	return append(dst, " ***"...)
}

// took is how long something lasted: <0.000004000>, <?> if it is not known, and <>0.000004000> if it began before the
// recording, so that this is a lower bound.
type took struct {
	duration, flags *capture.Accessor // flags is nil where the table lacks it
}

func newTook(c *columns) took {
	t := took{duration: c.byName("duration_ns")}
	if flags := schema.Of(c.table.Table).Select("flags")[0]; c.table.Check(flags) == nil {
		t.flags = c.column(flags)
	}
	return t
}

func (t *took) append(dst []byte, row int) []byte {
	ns := t.duration.Int(row)
	if t.flags == nil || ns < 0 || t.flags.Int(row)&schema.FlagBefore == 0 {
		return appendDuration(dst, ns)
	}
	return append(stamp.Seconds(append(dst, " <>"...), ns, 9), '>')
}

// appendDuration appends a duration in ns; one below 0 is not known.
func appendDuration(dst []byte, ns int64) []byte {
	if ns < 0 {
		return append(dst, " <?>"...)
	}
	return append(stamp.Seconds(append(dst, " <"...), ns, 9), '>')
}
