// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/term"
)

const tcpUsage = `example:
    analyze tcp incident
    analyze tcp incident --by comm,peer,port --sort failed
    analyze tcp incident -Y 'op == "connect" && duration > "100ms"'

Counts the connections of each program with each peer: how many were opened,
failed, were accepted and closed, bytes and retransmitted segments, how long a
connect took on average and at most, and the mean round trip time and lifetime
of those that were closed. Direction is out where this host connected, in where
it accepted, ? where a connection is older than the capture; the port is that of
the side that was connected to.

usage:
    analyze tcp CAPTURE... [flags]

flags:
        --by LIST        group by comm, pid, direction, peer, port or several of
                         them (default comm,direction,peer,port)
        --sort COLUMN    connections, connects, failed, accepts, closes, sent,
                         received, retransmits, mean, max, rtt or lifetime, the
                         most first, or group (default connections)
    -n, --rows N         at most N groups (default 0: all)
    -Y, --filter EXPR    only events for which EXPR holds
        --json           an array of one object for each group
`

// tcpUse is what is counted of connections. Times are ns.
type tcpUse struct {
	connects, failed, accepts, closes int64
	failures                          map[int64]int64 // by error number
	sent, received, retransmits       int64
	connecting, slowest               int64
	rtts, rtt                         int64 // how many are known, and their sum
	lifetime                          int64
}

func (u *tcpUse) connections() int64 { return u.connects + u.accepts }

func (u *tcpUse) meanConnect() int64 { return u.connecting / max(u.connects, 1) }

func (u *tcpUse) meanRTT() int64 { return u.rtt / max(u.rtts, 1) }

func (u *tcpUse) meanLifetime() int64 { return u.lifetime / max(u.closes, 1) }

// tcpColumns are those of all that is counted.
var tcpColumns = []format.Column{{Name: "task", Type: format.Int32}, {Name: "op", Type: format.String},
	{Name: "saddr", Type: format.String}, {Name: "sport", Type: format.Int32},
	{Name: "daddr", Type: format.String}, {Name: "dport", Type: format.Int32},
	{Name: "ret", Type: format.Int32}, {Name: "duration_ns", Type: format.Int64}, {Name: "sent", Type: format.Int64},
	{Name: "received", Type: format.Int64}, {Name: "retransmits", Type: format.Int32}, {Name: "srtt_ns", Type: format.Int64}}

var tcpView = &view[tcpUse]{
	name: "tcp", usage: tcpUsage, table: "tcp", none: "no such connections were recorded",
	by: "comm,direction,peer,port", sort: "connections", ordered: true,
	columns: tcpColumns,
	keys:    []dimension{commDimension, pidDimension, directionDimension, peerDimension, portDimension},
	measures: []measure[tcpUse]{
		{name: "connections", field: "connections", value: (*tcpUse).connections},
		counted("connects", func(u *tcpUse) int64 { return u.connects }),
		counted("failed", func(u *tcpUse) int64 { return u.failed }),
		counted("accepts", func(u *tcpUse) int64 { return u.accepts }),
		counted("closes", func(u *tcpUse) int64 { return u.closes }),
		sized("sent", func(u *tcpUse) int64 { return u.sent }),
		sized("received", func(u *tcpUse) int64 { return u.received }),
		counted("retransmits", func(u *tcpUse) int64 { return u.retransmits }),
		timed("mean", "mean connect", "mean_connect_ns", (*tcpUse).meanConnect),
		timed("max", "max connect", "max_connect_ns", func(u *tcpUse) int64 { return u.slowest }),
		timed("rtt", "rtt", "mean_srtt_ns", (*tcpUse).meanRTT),
		timed("lifetime", "lifetime", "mean_lifetime_ns", (*tcpUse).meanLifetime),
		{head: "failures", field: "failures", text: (*tcpUse).failureText, json: func(u *tcpUse) any { return u.failuresByName() }},
	},
	newAdd: func(*capture.Capture, int) (func(b *format.Batch) func(u *tcpUse, i int), error) {
		return newTCPAdd, nil
	},
	merge: (*tcpUse).merge,
	prepare: func(e *env, c *capture.Capture) (any, error) {
		return readEnds(e, c)
	},
}

func newTCPAdd(b *format.Batch) func(u *tcpUse, i int) {
	ops, ret, took := &b.Column("op").Str, b.Column("ret").I32, b.Column("duration_ns").I64
	sent, received := b.Column("sent").I64, b.Column("received").I64
	retransmits, srtt := b.Column("retransmits").I32, b.Column("srtt_ns").I64
	return func(u *tcpUse, i int) {
		switch string(ops.Bytes(i)) {
		case "connect":
			u.connects++
			u.connecting += max(took[i], 0)
			u.slowest = max(u.slowest, took[i])
			if ret[i] < 0 {
				u.failed++
				u.fail(-int64(ret[i]), 1)
			}
		case "accept":
			u.accepts++
		case "close":
			u.closes++
			u.sent += sent[i]
			u.received += received[i]
			u.retransmits += int64(retransmits[i])
			u.lifetime += max(took[i], 0)
			if srtt[i] > 0 {
				u.rtts++
				u.rtt += srtt[i]
			}
		}
	}
}

func (u *tcpUse) fail(errno, n int64) {
	if u.failures == nil {
		u.failures = map[int64]int64{}
	}
	u.failures[errno] += n
}

func (u *tcpUse) merge(o *tcpUse) {
	u.connects += o.connects
	u.failed += o.failed
	u.accepts += o.accepts
	u.closes += o.closes
	u.sent += o.sent
	u.received += o.received
	u.retransmits += o.retransmits
	u.connecting += o.connecting
	u.slowest = max(u.slowest, o.slowest)
	u.rtts += o.rtts
	u.rtt += o.rtt
	u.lifetime += o.lifetime
	for errno, n := range o.failures {
		u.fail(errno, n)
	}
}

func (u *tcpUse) failuresByName() map[string]int64 {
	names := map[string]int64{}
	for errno, n := range u.failures {
		names[errnoText(uint64(errno))] += n
	}
	return names
}

// maxFailures is how many kinds of errors are shown in one line.
const maxFailures = 4

// failureText is the errors that there were, the most frequent first: 2 ECONNREFUSED, 1 ETIMEDOUT.
func (u *tcpUse) failureText() string {
	names := u.failuresByName()
	list := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(names[b], names[a]), strings.Compare(a, b))
	})
	var parts []string
	for i, name := range list {
		if i == maxFailures {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, term.Count(names[name])+" "+name)
	}
	return strings.Join(parts, ", ")
}

// end is one end of a connection.
type end struct {
	address string
	port    int32
}

// maxAddress is more bytes than any address has; of a text that is longer no more is looked at.
const maxAddress = 64

func addressOf(addresses *format.Strings, i int) []byte {
	address := addresses.Bytes(i)
	return address[:min(len(address), maxAddress)]
}

func endOf(addresses *format.Strings, i int, ports []int32) end {
	return end{string(addressOf(addresses, i)), ports[i]}
}

// ends are those of a capture that connections were accepted at, and those that were connected to. They tell of which
// direction a connection was that is closed.
type ends struct{ accepted, connected map[end]struct{} }

func readEnds(e *env, c *capture.Capture) (*ends, error) {
	known := &ends{map[end]struct{}{}, map[end]struct{}{}}
	s := e.scan(c, "tcp", tcpColumns[1:6], nil)
	s.Ordered = true
	err := s.Run(e.ctx, func(_ int, b *format.Batch) error {
		ops, saddr, daddr := &b.Column("op").Str, &b.Column("saddr").Str, &b.Column("daddr").Str
		sport, dport := b.Column("sport").I32, b.Column("dport").I32
		for i := range b.Rows {
			switch string(ops.Bytes(i)) {
			case "accept":
				known.accepted[endOf(saddr, i, sport)] = struct{}{}
			case "connect":
				known.connected[endOf(daddr, i, dport)] = struct{}{}
			}
		}
		if len(known.accepted)+len(known.connected) > maxGroups {
			return fmt.Errorf("connections with more than %d ends", maxGroups)
		}
		return nil
	})
	return known, err
}

// directions are the codes of directions.
var directions = []string{"?", "out", "in"}

const (
	unknownWay = iota
	outward
	inward
)

// direction tells which way row i of b went.
func (k *ends) direction(b *format.Batch, i int) uint64 {
	switch string(b.Column("op").Str.Bytes(i)) {
	case "connect":
		return outward
	case "accept":
		return inward
	}
	if _, ok := k.accepted[endOf(&b.Column("saddr").Str, i, b.Column("sport").I32)]; ok {
		return inward
	}
	if _, ok := k.connected[endOf(&b.Column("daddr").Str, i, b.Column("dport").I32)]; ok {
		return outward
	}
	return unknownWay
}

var directionDimension = dimension{"direction", false, false, func(_ *capture.Capture, known any) (rowKey, error) {
	return rowKey{func(dst []uint64, b *format.Batch) {
		for i := range dst {
			dst[i] = known.(*ends).direction(b, i)
		}
	}, func(code uint64) string { return directions[code] }}, nil
}}

// peerDimension groups by the address of the other end.
var peerDimension = dimension{"peer", false, false, func(*capture.Capture, any) (rowKey, error) {
	w := &words{}
	return rowKey{func(dst []uint64, b *format.Batch) {
		for i := range dst {
			dst[i] = w.add(addressOf(&b.Column("daddr").Str, i))
		}
	}, w.text}, nil
}}

// portDimension groups by the port of the end that was connected to.
var portDimension = dimension{"port", true, true, func(_ *capture.Capture, known any) (rowKey, error) {
	return rowKey{func(dst []uint64, b *format.Batch) {
		for i := range dst {
			port := b.Column("dport").I32[i]
			if known.(*ends).direction(b, i) == inward {
				port = b.Column("sport").I32[i]
			}
			dst[i] = uint64(uint32(port))
		}
	}, func(code uint64) string { return strconv.Itoa(int(int32(uint32(code)))) }}, nil
}}

func tcp(e *env, args []string) error { return tcpView.run(e, args) }
