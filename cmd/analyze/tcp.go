// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/fletch-trace/fletch/internal/view"

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

// What is counted of connections.
var (
	isConnect = view.Is("op", "connect")
	isAccept  = view.Is("op", "accept")
	isClose   = view.Is("op", "close")
	isFailed  = isConnect.And(view.That("ret", func(ret int64) bool { return ret < 0 }))
	hasRTT    = isClose.And(view.That("srtt_ns", func(ns int64) bool { return ns > 0 }))

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

var tcp = &viewCommand{"tcp", tcpUsage, "no such connections were recorded", &view.View{
	Table: "tcp", By: []string{"comm", "direction", "peer", "port"}, Sort: "connections",
	Keys: []*view.Key{view.Comm, view.PID, directionKey, peerKey, portKey},
	Measures: []*view.Measure{
		{Name: "connections", Value: view.Plus(tcpConnects, tcpAccepts), Bare: true},
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
}}
