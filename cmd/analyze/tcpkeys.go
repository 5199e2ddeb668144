// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"

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

func addressOf(addresses *format.Strings, i int) []byte {
	address := addresses.Bytes(i)
	return address[:min(len(address), maxAddress)]
}

func endOf(addresses *format.Strings, i int, ports []int32) end {
	return end{string(addressOf(addresses, i)), ports[i]}
}

// ends are those of a capture that connections were accepted at, and those that were connected to. They tell the direction
// of a connection that is closed.
type ends struct{ accepted, connected map[end]struct{} }

// maxEnds bounds what a capture can make ends keep.
const maxEnds = 1 << 22

// endsOf reads the whole table, also what a filter does not let through.
func endsOf(s *view.Source) (*ends, error) {
	type id struct{}
	return view.Once(s, id{}, func() (*ends, error) {
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
	return unknownDirection
}

// directionKey groups by the side that opened a connection.
var directionKey = &view.Key{Name: "direction", Columns: endColumns, Bind: func(s *view.Source) (view.Coder, error) {
	known, err := endsOf(s)
	return view.Coder{Codes: func(dst []uint64, b *format.Batch) {
		for i := range dst {
			dst[i] = known.direction(b, i)
		}
	}, Text: func(code uint64) string { return directions[code] }}, err
}}

// peerKey groups by the address of the other end.
var peerKey = view.Texts("peer", []string{"daddr"}, func(b *format.Batch, row int) []byte {
	return addressOf(&b.Column("daddr").Str, row)
})

// portKey groups by the port of the end that was connected to.
var portKey = &view.Key{Name: "port", Number: true, Right: true, Columns: endColumns, Bind: bindPort}

func bindPort(s *view.Source) (view.Coder, error) {
	known, err := endsOf(s)
	return view.Coder{Codes: func(dst []uint64, b *format.Batch) {
		for i := range dst {
			port := b.Column("dport").I32[i]
			if known.direction(b, i) == inward {
				port = b.Column("sport").I32[i]
			}
			dst[i] = uint64(uint32(port))
		}
	}, Text: func(code uint64) string { return strconv.Itoa(int(int32(uint32(code)))) }}, err
}
