// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/view"
)

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
var portKey = &view.Key{Name: "port", Number: true, AlignRight: true, Columns: endColumns, Bind: bindPort}

func bindPort(s *view.Source) (view.Coder, error) {
	known, err := endsOf(s)
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
