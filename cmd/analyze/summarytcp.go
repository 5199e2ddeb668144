// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/fletch-trace/fletch/internal/term"
	"github.com/fletch-trace/fletch/internal/view"
)

// tcpSummary is the part of a summary about connections.
type tcpSummary struct {
	Connects    int64            `json:"connects"`
	Failed      int64            `json:"failed"`
	Accepts     int64            `json:"accepts"`
	Closes      int64            `json:"closes"`
	Before      int64            `json:"open_before"`
	Open        int64            `json:"still_open"`
	Sent        int64            `json:"sent_bytes"`
	Received    int64            `json:"received_bytes"`
	Retransmits int64            `json:"retransmits"`
	Failures    map[string]int64 `json:"failures"` // by error
	Slowest     []slowConnect    `json:"slowest_connects"`

	failures string // Failures for people
}

// slowConnect is the connects of a program to one port of a peer.
type slowConnect struct {
	Comm     string `json:"comm"`
	Peer     string `json:"peer"`
	Port     int    `json:"port"`
	Connects int64  `json:"connects"`
	Failed   int64  `json:"failed"`
	Max      int64  `json:"max_connect_ns"`
}

func (s *tcpSummary) read(e *env, in *view.Input, n int) error {
	results, err := view.GroupRows(e.ctx, in, "tcp",
		view.Grouping{Count: []view.Value{tcpConnects, tcpFailed, tcpAccepts, tcpCloses, tcpBefore, tcpOpen,
			tcpSent, tcpReceived, tcpRetransmits, tcpFailures}},
		view.Grouping{By: []*view.Key{view.Comm, peerKey, portKey},
			Count: []view.Value{tcpConnects, tcpFailed, slowestConnect}},
	)
	if err != nil {
		return err
	}
	all := results[0].Total()
	s.Connects, s.Failed = tcpConnects.Of(all), tcpFailed.Of(all)
	s.Accepts, s.Closes = tcpAccepts.Of(all), tcpCloses.Of(all)
	s.Before, s.Open = tcpBefore.Of(all), tcpOpen.Of(all)
	s.Sent, s.Received, s.Retransmits = tcpSent.Of(all), tcpReceived.Of(all), tcpRetransmits.Of(all)
	s.Failures, s.failures = tcpFailures.Of(all), tcpFailures.Text(all)
	s.Slowest = slowestConnects(results[1].Top(0, slowestConnect), n)
	return nil
}

// slowestConnects returns the n groups with the slowest connects. Equal ones are sorted by comm, peer and port; unlike
// Result.Top, this compares ports as numbers.
func slowestConnects(groups []*view.Group, n int) []slowConnect {
	list := []slowConnect{}
	for _, g := range groups {
		if connects := tcpConnects.Of(g); connects > 0 {
			port, _ := strconv.Atoi(g.Texts[2]) // never fails: the text of portKey is a number
			list = append(list, slowConnect{g.Texts[0], g.Texts[1], port, connects, tcpFailed.Of(g),
				slowestConnect.Of(g)})
		}
	}
	return top(list, n, func(c slowConnect) int64 { return c.Max }, func(a, b slowConnect) int {
		return cmp.Or(strings.Compare(a.Comm, b.Comm), strings.Compare(a.Peer, b.Peer), cmp.Compare(a.Port, b.Port))
	})
}

// hasRows reports whether there were any connections.
func (s *tcpSummary) hasRows() bool { return s.Connects+s.Accepts+s.Closes+s.Before+s.Open > 0 }

// title returns the heading. It is printed without escaping, so it must not contain text from the capture.
func (s *tcpSummary) title() string {
	failures := ""
	if s.failures != "" {
		failures = " (" + s.failures + ")"
	}
	held := ""
	if s.Before+s.Open > 0 {
		held = fmt.Sprintf(", %s open before, %s still open", term.Count(s.Before), term.Count(s.Open))
	}
	return fmt.Sprintf("tcp: %s connects, %s failed%s, %s accepted, %s closed%s, sent %s, received %s, %s retransmits",
		term.Count(s.Connects), term.Count(s.Failed), failures, term.Count(s.Accepts), term.Count(s.Closes), held,
		term.Bytes(s.Sent), term.Bytes(s.Received), term.Count(s.Retransmits))
}

func (s *tcpSummary) table() *term.Table {
	t := term.NewTable(">slowest connect", "comm", "peer", ">port", ">connects", ">failed")
	for _, c := range s.Slowest {
		t.Row(view.Nanoseconds.Text(c.Max), c.Comm, c.Peer, strconv.Itoa(c.Port), term.Count(c.Connects),
			view.Plain.Cell(c.Failed))
	}
	return t
}
