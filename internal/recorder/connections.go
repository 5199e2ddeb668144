//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"hash/maphash"

	"github.com/fletch-trace/fletch/format"
)

// connections tracks open TCP connections. The row of a close refers to the task that opened the connection, so the
// row of that task is pinned until then.
type connections struct {
	tasks *dimension
	open  map[uint64]int32 // hash of addresses and ports to the id of the task that opened the connection
	most  int
	seed  maphash.Seed
}

// maxConnections is how many connections are followed at most. The task of another one may be missing at its close.
const maxConnections = 65536

// newConnections follows no connection yet. limit is Budget.dimensions.
func newConnections(tasks *dimension, limit int64) *connections {
	most := min(int64(float64(limit)*unusedShare)/pinBytes, maxConnections)
	return &connections{tasks: tasks, open: make(map[uint64]int32), most: int(most), seed: maphash.MakeSeed()}
}

// follow pins and unpins tasks by the connections that open and close in a batch of the table tcp.
func (c *connections) follow(b *format.Batch) {
	opener, op, ret := b.Column("task").I32, &b.Column("op").Str, b.Column("ret").I32
	saddr, daddr := &b.Column("saddr").Str, &b.Column("daddr").Str
	sport, dport := b.Column("sport").I32, b.Column("dport").I32
	var h maphash.Hash
	h.SetSeed(c.seed)
	for i := range b.Rows {
		h.Reset()
		h.Write(saddr.Bytes(i))
		h.Write(daddr.Bytes(i))
		maphash.WriteComparable(&h, [2]int32{sport[i], dport[i]})
		id := h.Sum64()
		closes := string(op.Bytes(i)) == "close"
		if string(op.Bytes(i)) == "end" || !closes && ret[i] != 0 {
			continue
		}
		if task, ok := c.open[id]; ok {
			delete(c.open, id)
			c.tasks.unpin(int64(task))
		}
		if !closes && len(c.open) < c.most {
			c.open[id] = opener[i]
			c.tasks.pin(int64(opener[i]))
		}
	}
}
