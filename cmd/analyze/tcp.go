// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/internal/cli"
	"github.com/fletch-trace/fletch/internal/view"
)

// What is counted of connections.
var (
	isConnect = view.Equals("op", "connect")
	isAccept  = view.Equals("op", "accept")
	isClose   = view.Equals("op", "close")
	isFailed  = isConnect.And(view.Satisfies("ret", func(ret int64) bool { return ret < 0 }))
	hasRTT    = isClose.And(view.Satisfies("srtt_ns", func(ns int64) bool { return ns > 0 }))

	tcpConnects    = view.Count(isConnect)
	tcpFailed      = view.Count(isFailed)
	tcpAccepts     = view.Count(isAccept)
	tcpCloses      = view.Count(isClose)
	tcpSent        = view.Sum("sent", isClose)
	tcpReceived    = view.Sum("received", isClose)
	tcpRetransmits = view.Sum("retransmits", isClose)
	slowestConnect = view.Max("duration_ns", isConnect)
	tcpFailures    = view.FailuresIn("ret", isFailed)
)

var tcp = &viewCommand{
	Command: cli.Command{
		Name:    "analyze tcp",
		Summary: "connections, failures and bytes by peer",
		Description: `Counts the connections of each program with each peer: how many were opened, failed, were
accepted and closed, bytes and retransmitted segments, how long a connect took on average and at most, and the mean
round trip time and lifetime of those that were closed. Direction is out where this host connected, in where it
accepted, ? where a connection is older than the capture; the port is that of the side that was connected to.`,
		Examples: []cli.Example{
			{Line: "analyze tcp incident"},
			{Line: "analyze tcp incident --by comm,peer,port --sort failed", Text: "who could not connect to whom"},
			{Line: `analyze tcp incident -Y 'op == "connect" && duration > "100ms"'`, Text: "slow connects"},
		},
	},
	none: "no such connections were recorded",
	view: &view.View{
		Table: "tcp", By: []string{"comm", "direction", "peer", "port"}, Sort: "connections",
		Keys: []*view.Key{view.Comm, view.PID, directionKey, peerKey, portKey},
		Measures: []*view.Measure{
			{Name: "connections", Value: view.Plus(tcpConnects, tcpAccepts), JSONOnly: true},
			{Name: "connects", Value: tcpConnects},
			{Name: "failed", Value: tcpFailed},
			{Name: "accepts", Value: tcpAccepts},
			{Name: "closes", Value: tcpCloses},
			{Name: "sent", Value: tcpSent, Unit: view.Bytes},
			{Name: "received", Value: tcpReceived, Unit: view.Bytes},
			{Name: "retransmits", Value: tcpRetransmits},
			{Name: "mean", Head: "mean connect", Field: "mean_connect_ns", Unit: view.Nanoseconds,
				Value: view.Mean(view.Sum("duration_ns", isConnect), tcpConnects)},
			{Name: "max", Head: "max connect", Field: "max_connect_ns", Unit: view.Nanoseconds, Value: slowestConnect},
			{Name: "rtt", Field: "mean_srtt_ns", Unit: view.Nanoseconds,
				Value: view.Mean(view.Sum("srtt_ns", hasRTT), view.Count(hasRTT))},
			{Name: "lifetime", Field: "mean_lifetime_ns", Unit: view.Nanoseconds,
				Value: view.Mean(view.Sum("duration_ns", isClose), tcpCloses)},
			{Name: "failures", Value: tcpFailures},
		},
	},
}
