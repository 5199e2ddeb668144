// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
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
type endpoints struct {
	accepted, connected map[endpoint]struct{}

	addresses capture.TextPool
	memory    *budget.Account
}

// endpointBytes is what an endpoint takes, besides its address.
const endpointBytes = 64

// loadEndpoints reads the endpoints of a capture, once for all keys and workers. It reads all rows, not only those that
// match the filter.
func loadEndpoints(s *view.Source) (*endpoints, error) {
	memory := s.Budget().Account("the ends of connections")
	type id struct{}
	return view.LoadOnce(s, id{}, func() (*endpoints, error) {
		known := &endpoints{accepted: map[endpoint]struct{}{}, connected: map[endpoint]struct{}{},
			memory: memory}
		return known, s.Read("tcp", endpointColumns, known.add)
	})
}

// endpointColumns are the columns that endpoints and directions are computed from.
var endpointColumns = []string{"op", "saddr", "sport", "daddr", "dport"}

func (k *endpoints) add(b *format.Batch) error {
	ops, saddr, daddr := &b.Column("op").Str, &b.Column("saddr").Str, &b.Column("daddr").Str
	sport, dport := b.Column("sport").I32, b.Column("dport").I32
	for i := range b.Rows {
		if i%budget.AccountStep == 0 {
			known := int64(len(k.accepted) + len(k.connected) + budget.AccountStep)
			if err := k.memory.Set(endpointBytes*known + k.addresses.Bytes()); err != nil {
				return err
			}
		}
		switch string(ops.Bytes(i)) {
		case "accept":
			k.accepted[endpoint{k.addresses.Add(addressOf(saddr, i)), sport[i]}] = struct{}{}
		case "connect":
			k.connected[endpoint{k.addresses.Add(addressOf(daddr, i)), dport[i]}] = struct{}{}
		}
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
