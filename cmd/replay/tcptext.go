// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strconv"
	"time"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/syscalls"
	"github.com/fletch-trace/fletch/internal/term"
)

// tcpText is the text of what happened to a connection: connect 127.0.0.1:41176 -> 127.0.0.1:38625 = 0 <0.000378000>.
type tcpText struct {
	op, saddr, sport, daddr, dport, ret, duration, sent, received, retransmits, roundTrip *capture.Accessor
}

func newTCPText(c *columns) eventText {
	return &tcpText{op: c.named("op"), saddr: c.named("saddr"), sport: c.named("sport"), daddr: c.named("daddr"),
		dport: c.named("dport"), ret: c.named("ret"), duration: c.named("duration_ns"), sent: c.named("sent"),
		received: c.named("received"), retransmits: c.named("retransmits"), roundTrip: c.named("srtt_ns")}
}

func (t *tcpText) Append(dst []byte, row int) []byte {
	op, ret := t.op.Text(row), t.ret.Int(row)
	arrow := " -> "
	if string(op) == "accept" {
		arrow = " <- "
	}
	dst = append(term.AppendEscaped(dst, op), ' ')
	dst = appendEnd(dst, t.saddr.Text(row), t.sport.Int(row))
	dst = appendEnd(append(dst, arrow...), t.daddr.Text(row), t.dport.Int(row))
	switch {
	case string(op) == "accept" && ret == 0:
		return dst
	case string(op) != "close":
		return appendResult(dst, ret, t.duration.Int(row))
	}
	dst = strconv.AppendInt(append(dst, " sent "...), t.sent.Int(row), 10)
	dst = strconv.AppendInt(append(dst, " received "...), t.received.Int(row), 10)
	dst = strconv.AppendInt(append(dst, " retransmits "...), t.retransmits.Int(row), 10)
	dst = append(append(dst, " rtt "...), term.Duration(time.Duration(t.roundTrip.Int(row)))...)
	if ret != 0 {
		dst = syscalls.AppendResult(append(dst, ' '), ret)
	}
	return appendDuration(dst, t.duration.Int(row))
}

// appendEnd appends one end of a connection: 127.0.0.1:80, [::1]:80.
func appendEnd(dst, address []byte, port int64) []byte {
	if slices.Contains(address, ':') {
		dst = append(term.AppendEscaped(append(dst, '['), address), ']')
	} else {
		dst = term.AppendEscaped(dst, address)
	}
	return strconv.AppendInt(append(dst, ':'), port, 10)
}
