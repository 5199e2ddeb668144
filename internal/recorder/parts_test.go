//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"encoding/binary"
	"testing"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// newTestParts makes the parts of a recording that drops generations, without a session. The lanes do not run: batches
// that are sent stay in their channels.
func newTestParts(t *testing.T) *drain {
	t.Helper()
	d := &drain{cfg: &Config{}, laneWait: &laneWait{}, shedder: &shedder{}}
	d.lanes = &lanes{
		bulk: &lane{jobs: make(chan job, 64)}, rare: &lane{jobs: make(chan job, 64)},
		named: &lane{jobs: make(chan job, 64)},
		codec: newCodecPolicy("zstd"), sweeps: &sweeps{}, generation: 1,
	}
	budget := &Budget{bulkRows: bulkRows, rareRows: rareRows, rareText: rareText}
	d.gatherer = newGatherer(bpf.Layouts(), budget, d.laneWait, d.lanes, 0)
	d.gatherer.keepDimensions(0, 64<<20)
	d.accounts = &accounts{
		losses: newLosses(&fakeSession{}, 0, 0, 0, false), lanes: d.lanes, counts: d.gatherer.counts,
		tables: d.gatherer.tables,
	}
	d.rotation = &rotation{
		batches: func(int) int { return 0 }, maxBatches: maxBatches,
		gatherer: d.gatherer, accounts: d.accounts, lanes: d.lanes, keeper: &keeper{},
		history: func() history { return history{} }, openConnections: func(bpf.Emit) error { return nil },
		processes: func(bpf.Emit) error { return nil },
	}
	return d
}

// newBatch is a batch of a table with these rows.
func newBatch(t *testing.T, table *table, rows ...map[string]any) *format.Batch {
	t.Helper()
	b := format.NewBatch(table.layout.Schema)
	for _, row := range rows {
		if err := b.AppendRow(row); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// announce is a record of a dimension as in a ring, with only the id set, and for a task the cgroup.
func announce(l *bpf.Layout, id int64, cgroup int64) bpf.Records {
	data := newRecord(l)
	if l.Schema.Columns[0].Type == format.Int32 {
		binary.NativeEndian.PutUint32(data[12:], uint32(id))
	} else {
		binary.NativeEndian.PutUint64(data[16:], uint64(id))
	}
	if l.Schema.Table == "task" {
		binary.NativeEndian.PutUint64(data[8+40:], uint64(cgroup)) // the offset in struct task_event
	}
	return bpf.SingleRecord(data)
}

// newRecord is a record of zeros with its header, as in a ring.
func newRecord(l *bpf.Layout) []byte {
	data := make([]byte, 8+l.Size)
	binary.NativeEndian.PutUint32(data, l.Size)
	binary.NativeEndian.PutUint32(data[8:], l.Kind)
	return data
}
