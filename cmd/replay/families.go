// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/stamp"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
)

// objectColumns are those of a batch of the families that are about an object: a file, a connection, a shared memory, a
// filter. Each has some of them.
type objectColumns struct {
	path, id, mode, flag, sport, dport, status, retransmits []int32
	offset, size, key, uid, owner, creator, sent, received  []int64
	srtt, ip                                                []int64
	saddr, daddr, action                                    *format.Strings
}

var (
	fileColumns = []format.Column{column("op", format.String), column("path", format.Int32), column("offset", format.Int64),
		column("size", format.Int64), column("ret", format.Int64), column("duration_ns", format.Int64)}
	ipcColumns = []format.Column{column("key", format.Int64), column("id", format.Int32), column("uid", format.Int64),
		column("owner", format.Int64), column("creator", format.Int64), column("mode", format.Int32), column("flag", format.Int32)}
	tcpColumns = []format.Column{column("op", format.String), column("saddr", format.String), column("sport", format.Int32),
		column("daddr", format.String), column("dport", format.Int32), column("ret", format.Int32), column("duration_ns", format.Int64),
		column("sent", format.Int64), column("received", format.Int64), column("retransmits", format.Int32), column("srtt_ns", format.Int64)}
	seccompColumns = []format.Column{column("nr", format.Int32), column("action", format.String), column("code", format.Int32),
		column("ip", format.Int64)}
)

func (t *text) bindObject(b *format.Batch) {
	t.op, t.took = texts(b, "op"), int64s(b, "duration_ns")
	t.nr, t.code = int32s(b, "nr"), int32s(b, "code")
	t.object = objectColumns{
		path: int32s(b, "path"), id: int32s(b, "id"), mode: int32s(b, "mode"), flag: int32s(b, "flag"),
		sport: int32s(b, "sport"), dport: int32s(b, "dport"), status: int32s(b, "ret"), retransmits: int32s(b, "retransmits"),
		offset: int64s(b, "offset"), size: int64s(b, "size"), key: int64s(b, "key"), uid: int64s(b, "uid"),
		owner: int64s(b, "owner"), creator: int64s(b, "creator"), sent: int64s(b, "sent"), received: int64s(b, "received"),
		srtt: int64s(b, "srtt_ns"), ip: int64s(b, "ip"),
		saddr: texts(b, "saddr"), daddr: texts(b, "daddr"), action: texts(b, "action"),
	}
	t.ret = int64s(b, "ret")
}

// appendFile appends a read or write: read /etc/hostname @0 4096 = 5 <0.000003000>.
func (t *text) appendFile(dst []byte, row int) []byte {
	o := &t.object
	dst = append(term.AppendEscaped(dst, t.op.Bytes(row)), ' ')
	if at := t.paths.Index(int64(o.path[row])); at == 0 {
		dst = append(dst, '?')
	} else {
		dst = term.AppendEscaped(dst, t.paths.At(at))
	}
	if o.offset[row] != -1 { // which says that there is no position
		dst = strconv.AppendInt(append(dst, " @"...), o.offset[row], 10)
	}
	dst = strconv.AppendInt(append(dst, ' '), o.size[row], 10)
	return t.appendOutcome(dst, t.ret[row], row)
}

// appendOutcome appends a result and how long it took.
func (t *text) appendOutcome(dst []byte, ret int64, row int) []byte {
	dst = syscalls.AppendResult(append(dst, ' '), ret)
	return t.appendTook(dst, row)
}

func (t *text) appendTook(dst []byte, row int) []byte {
	return append(stamp.Seconds(append(dst, " <"...), t.took[row], 9), '>')
}

// appendIPC appends a check of a right: ipc asks r-- 0400 of key 0x0f1e504c id 8 owner 0 creator 0 mode 0644 as uid 1000.
func (t *text) appendIPC(dst []byte, row int) []byte {
	o := &t.object
	dst = append(append(dst, "ipc asks "...), capture.Right(o.flag[row])...)
	dst = syscalls.AppendOctal(append(dst, ' '), uint64(uint32(o.flag[row])))
	dst = fmt.Appendf(dst, " of key %s id %d owner %d creator %d mode ", capture.Key(o.key[row]), o.id[row], o.owner[row], o.creator[row])
	dst = syscalls.AppendOctal(dst, uint64(uint32(o.mode[row])))
	return strconv.AppendInt(append(dst, " as uid "...), o.uid[row], 10)
}

// appendTCP appends what happened to a connection: connect 127.0.0.1:41176 -> 127.0.0.1:38625 = 0 <0.000378000>.
func (t *text) appendTCP(dst []byte, row int) []byte {
	o := &t.object
	op, ret := t.op.Bytes(row), int64(o.status[row])
	arrow := " -> "
	if string(op) == "accept" {
		arrow = " <- "
	}
	dst = append(term.AppendEscaped(dst, op), ' ')
	dst = appendEnd(dst, o.saddr.Bytes(row), o.sport[row])
	dst = appendEnd(append(dst, arrow...), o.daddr.Bytes(row), o.dport[row])
	switch {
	case string(op) == "accept" && ret == 0:
		return dst
	case string(op) != "close":
		return t.appendOutcome(dst, ret, row)
	}
	dst = strconv.AppendInt(append(dst, " sent "...), o.sent[row], 10)
	dst = strconv.AppendInt(append(dst, " received "...), o.received[row], 10)
	dst = strconv.AppendInt(append(dst, " retransmits "...), int64(o.retransmits[row]), 10)
	dst = append(append(dst, " rtt "...), term.Duration(time.Duration(o.srtt[row]))...)
	if ret != 0 {
		dst = syscalls.AppendResult(append(dst, ' '), ret)
	}
	return t.appendTook(dst, row)
}

// appendEnd appends one end of a connection: 127.0.0.1:80, [::1]:80.
func appendEnd(dst, address []byte, port int32) []byte {
	if slices.Contains(address, ':') {
		dst = append(term.AppendEscaped(append(dst, '['), address), ']')
	} else {
		dst = term.AppendEscaped(dst, address)
	}
	return strconv.AppendInt(append(dst, ':'), int64(port), 10)
}

// appendSeccomp appends what a filter did: getpgid -> errno 13 EACCES at 0x408c0e.
func (t *text) appendSeccomp(dst []byte, row int) []byte {
	o := &t.object
	dst = append(append(dst, t.calls.Name(t.nr[row])...), " -> "...)
	dst = term.AppendEscaped(dst, capture.Action(o.action.At(row), t.code[row]))
	return strconv.AppendUint(append(dst, " at 0x"...), uint64(o.ip[row]), 16)
}
