// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/view"
)

// Conditions on rows of tcp, and values of connections.
var (
	isConnect = view.Equals("op", "connect")
	isAccept  = view.Equals("op", "accept")
	isClose   = view.Equals("op", "close")
	isBefore  = view.Equals("op", "snapshot")
	isOpen    = view.Equals("op", "end")
	isFailed  = isConnect.And(view.Satisfies("ret", func(ret int64) bool { return ret < 0 }))
	// hasTraffic selects the one row of each connection that has its traffic. Accepts of version 1.1 count it again.
	hasTraffic = view.Among("op", "close", "end")
	hasRTT     = isClose.And(view.Satisfies("srtt_ns", func(ns int64) bool { return ns > 0 }))

	tcpConnects    = view.Count(isConnect)
	tcpFailed      = view.Count(isFailed)
	tcpAccepts     = view.Count(isAccept)
	tcpCloses      = view.Count(isClose)
	tcpBefore      = view.Count(isBefore)
	tcpOpen        = view.Count(isOpen)
	tcpSent        = view.Sum("sent", hasTraffic)
	tcpReceived    = view.Sum("received", hasTraffic)
	tcpRetransmits = view.Sum("retransmits", hasTraffic)
	slowestConnect = view.Max("duration_ns", isConnect)
	tcpFailures    = view.FailuresIn("ret", isFailed)
)

var tcp = &viewCommand{
	Command: cli.Command{
		Name:    "analyze tcp",
		Summary: "connections, failures and bytes by peer",
		Description: `Counts the connections of each program with each peer: how many were opened, failed, were
accepted and closed, were open before the recording and still at its end, bytes and retransmitted segments, how long a
connect took on average and at most, and the mean round trip time and lifetime of those that were closed. Bytes and
segments are those of connections that were closed or still open, from their beginning, which may have been before the
recording; the lifetime is of those that began in it. Direction is out where this host connected, in where it accepted,
? where a connection is older than the capture; the port is that of the side that was connected to.`,
		Examples: []cli.Example{
			{Line: "analyze tcp incident"},
			{Line: "analyze tcp incident --by comm,peer,port --sort failed", Text: "who could not connect to whom"},
			{Line: `analyze tcp incident -Y 'op == "connect" && duration > "100ms"'`, Text: "slow connects"},
		},
	},
	emptyText: "no such connections were recorded",
	view: &view.View{
		Table: "tcp", By: []string{"comm", "direction", "peer", "port"}, Sort: "connections",
		Keys: []*view.Key{view.Comm, view.PID, directionKey, peerKey, portKey},
		Measures: []*view.Measure{
			{Name: "connections", Value: view.Plus(tcpConnects, tcpAccepts, tcpBefore), JSONOnly: true},
			{Name: "connects", Value: tcpConnects},
			{Name: "failed", Value: tcpFailed},
			{Name: "accepts", Value: tcpAccepts},
			{Name: "closes", Value: tcpCloses},
			{Name: "before", Head: "open before", Field: "open_before", Value: tcpBefore},
			{Name: "open", Head: "still open", Field: "still_open", Value: tcpOpen},
			{Name: "sent", Value: tcpSent, Unit: view.Bytes},
			{Name: "received", Value: tcpReceived, Unit: view.Bytes},
			{Name: "retransmits", Value: tcpRetransmits},
			{Name: "mean", Head: "mean connect", Field: "mean_connect_ns", Unit: view.Nanoseconds,
				Value: view.MeanOf("duration_ns", isConnect)},
			{Name: "max", Head: "max connect", Field: "max_connect_ns", Unit: view.Nanoseconds, Value: slowestConnect},
			{Name: "rtt", Field: "mean_srtt_ns", Unit: view.Nanoseconds,
				Value: view.Mean(view.Sum("srtt_ns", hasRTT), view.Count(hasRTT))},
			{Name: "lifetime", Field: "mean_lifetime_ns", Unit: view.Nanoseconds,
				Value: view.MeanOf("duration_ns", isClose)},
			{Name: "failures", Value: tcpFailures},
		},
	},
}

// directionKey groups by direction: which side opened the connection.
var directionKey = &view.Key{Name: "direction", Columns: endpointColumns, Bind: bindDirection}

func bindDirection(s *view.Source) (view.Coder, error) {
	known, err := loadEndpoints(s)
	return view.Coder{Codes: func(dst []uint64, b *format.Batch) {
		for row := range dst {
			dst[row] = known.direction(b, row)
		}
	}, Text: func(code uint64) string { return directions[code] }}, err
}

// peerKey groups by the address of the other host.
var peerKey = view.Texts("peer", []string{"daddr"}, func(b *format.Batch, row int) []byte {
	return addressOf(&b.Column("daddr").Str, row)
})

// portKey groups by the port of the side that was connected to.
var portKey = &view.Key{Name: "port", Number: true, AlignRight: true, Columns: endpointColumns, Bind: bindPort}

func bindPort(s *view.Source) (view.Coder, error) {
	known, err := loadEndpoints(s)
	return view.Coder{Codes: func(dst []uint64, b *format.Batch) {
		for i := range dst {
			port := b.Column("dport").I32[i]
			if known.direction(b, i) == incoming {
				port = b.Column("sport").I32[i]
			}
			dst[i] = uint64(uint32(port))
		}
	}, Text: func(code uint64) string { return strconv.Itoa(int(int32(uint32(code)))) }}, err
}
