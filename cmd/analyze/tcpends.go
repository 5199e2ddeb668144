// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/view"
)

// end is one end of a connection.
type end struct {
	address string
	port    int32
}

// maxAddress is more bytes than any address has; of a text that is longer no more is looked at.
const maxAddress = 64

// addressOf is the address of a row.
func addressOf(addresses *format.Strings, i int) []byte {
	address := addresses.Bytes(i)
	return address[:min(len(address), maxAddress)]
}

// endOf is one end of the connection of a row.
func endOf(addresses *format.Strings, i int, ports []int32) end {
	return end{string(addressOf(addresses, i)), ports[i]}
}

// ends are those of a capture that connections were accepted at, and those that were connected to. They tell the
// direction of a connection that is closed.
type ends struct{ accepted, connected map[end]struct{} }

// maxEnds bounds what a capture can make ends keep.
const maxEnds = 1 << 22

// endsOf are the ends of a capture, once for all keys. They are of all rows, whatever a filter lets through.
func endsOf(s *view.Source) (*ends, error) {
	type id struct{}
	return view.LoadOnce(s, id{}, func() (*ends, error) {
		known := &ends{map[end]struct{}{}, map[end]struct{}{}}
		return known, s.Read("tcp", endColumns, known.add)
	})
}

// endColumns are those that ends and directions come from.
var endColumns = []string{"op", "saddr", "sport", "daddr", "dport"}

func (k *ends) add(b *format.Batch) error {
	ops, saddr, daddr := &b.Column("op").Str, &b.Column("saddr").Str, &b.Column("daddr").Str
	sport, dport := b.Column("sport").I32, b.Column("dport").I32
	for i := range b.Rows {
		switch string(ops.Bytes(i)) {
		case "accept":
			k.accepted[endOf(saddr, i, sport)] = struct{}{}
		case "connect":
			k.connected[endOf(daddr, i, dport)] = struct{}{}
		}
	}
	if len(k.accepted)+len(k.connected) > maxEnds {
		return fmt.Errorf("connections with more than %d ends", maxEnds)
	}
	return nil
}

// directions are the codes of directions.
var directions = []string{"?", "out", "in"}

const (
	unknownDirection = iota
	outgoing
	incoming
)

// direction tells which way row i of b went.
func (k *ends) direction(b *format.Batch, i int) uint64 {
	switch string(b.Column("op").Str.Bytes(i)) {
	case "connect":
		return outgoing
	case "accept":
		return incoming
	}
	if _, ok := k.accepted[endOf(&b.Column("saddr").Str, i, b.Column("sport").I32)]; ok {
		return incoming
	}
	if _, ok := k.connected[endOf(&b.Column("daddr").Str, i, b.Column("dport").I32)]; ok {
		return outgoing
	}
	return unknownDirection
}
