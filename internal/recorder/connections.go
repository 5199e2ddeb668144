//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"hash/maphash"

	"github.com/fletch-trace/fletch/format"
)

// Connections are the open ones: their closes name the task that opened them, whose row is kept until then.
type connections struct {
	tasks *dimension
	open  map[uint64]int32 // by the hash of their addresses: who opened it
	seed  maphash.Seed
}

// maxConnections is how many the programs follow at once.
const maxConnections = 65536

func newConnections(tasks *dimension) *connections {
	return &connections{tasks: tasks, open: make(map[uint64]int32), seed: maphash.MakeSeed()}
}

// follow looks at a batch of the table tcp.
func (c *connections) follow(b *format.Batch) {
	task, op, ret := b.Column("task").I32, &b.Column("op").Str, b.Column("ret").I32
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
		if !closes && ret[i] != 0 {
			continue
		}
		if before, ok := c.open[id]; ok {
			delete(c.open, id)
			c.tasks.unpin(int64(before))
		}
		if !closes && len(c.open) < maxConnections {
			c.open[id] = task[i]
			c.tasks.pin(int64(task[i]))
		}
	}
}
