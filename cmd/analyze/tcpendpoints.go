// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/view"
)

// endpoint is the address and port of one side of a connection.
type endpoint struct {
	address string
	port    int32
}

// maxAddress is the number of bytes of an address that are used. No valid address is as long; a longer text in a
// hostile capture is cut.
const maxAddress = 64

// addressOf returns the address of a row.
func addressOf(addresses *format.Strings, row int) []byte {
	address := addresses.Bytes(row)
	return address[:min(len(address), maxAddress)]
}

// endpointOf returns one endpoint of the connection of a row.
func endpointOf(addresses *format.Strings, row int, ports []int32) endpoint {
	return endpoint{string(addressOf(addresses, row)), ports[row]}
}

// endpoints are those of a capture at which connections were accepted, and those that were connected to. They decide
// the direction of a connection when it is closed, because the row of a close does not say which side opened it.
type endpoints struct{ accepted, connected map[endpoint]struct{} }

// maxEndpoints bounds the memory that a hostile capture can make endpoints use.
const maxEndpoints = 1 << 22

// loadEndpoints reads the endpoints of a capture, once for all keys and workers. It reads all rows, not only those that
// match the filter.
func loadEndpoints(s *view.Source) (*endpoints, error) {
	type id struct{}
	return view.LoadOnce(s, id{}, func() (*endpoints, error) {
		known := &endpoints{map[endpoint]struct{}{}, map[endpoint]struct{}{}}
		return known, s.Read("tcp", endpointColumns, known.add)
	})
}

// endpointColumns are the columns that endpoints and directions are computed from.
var endpointColumns = []string{"op", "saddr", "sport", "daddr", "dport"}

func (k *endpoints) add(b *format.Batch) error {
	ops, saddr, daddr := &b.Column("op").Str, &b.Column("saddr").Str, &b.Column("daddr").Str
	sport, dport := b.Column("sport").I32, b.Column("dport").I32
	for i := range b.Rows {
		switch string(ops.Bytes(i)) {
		case "accept":
			k.accepted[endpointOf(saddr, i, sport)] = struct{}{}
		case "connect":
			k.connected[endpointOf(daddr, i, dport)] = struct{}{}
		}
	}
	if len(k.accepted)+len(k.connected) > maxEndpoints {
		return fmt.Errorf("connections with more than %d ends", maxEndpoints)
	}
	return nil
}

// directions are the texts of directions, by code.
var directions = []string{"?", "out", "in"}

const (
	unknownDirection = iota
	outgoing
	incoming
)

// direction returns the code of the direction of the connection of row i of b.
func (k *endpoints) direction(b *format.Batch, i int) uint64 {
	switch string(b.Column("op").Str.Bytes(i)) {
	case "connect":
		return outgoing
	case "accept":
		return incoming
	}
	if _, ok := k.accepted[endpointOf(&b.Column("saddr").Str, i, b.Column("sport").I32)]; ok {
		return incoming
	}
	if _, ok := k.connected[endpointOf(&b.Column("daddr").Str, i, b.Column("dport").I32)]; ok {
		return outgoing
	}
	return unknownDirection
}
