//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"encoding/binary"
	"testing"

	"github.com/fletch-trace/fletch/bpf"
	"github.com/fletch-trace/fletch/format"
)

// newTestParts are those of a recording that drops generations, without a session: batches that are handed on stay in
// the lanes.
func newTestParts(t *testing.T) *drain {
	t.Helper()
	d := &drain{cfg: &Config{}, patience: &patience{}, shedder: &shedder{}}
	d.lanes = &lanes{
		bulk: &lane{in: make(chan job, 64)}, rare: &lane{in: make(chan job, 64)},
		codec: newCodecPolicy("zstd"), sweeps: &sweeps{}, generation: 1,
	}
	budget := &Budget{bulkRows: bulkRows, rareRows: rareRows, rareText: rareText}
	d.gatherer = newGatherer(bpf.Layouts(), budget, d.patience, d.lanes, 0)
	d.gatherer.keepDimensions(0, 0)
	d.accounts = &accounts{
		losses: newLosses(&fakeSession{}, 0, 0, 0), lanes: d.lanes, counts: d.gatherer.counts,
		tables: d.gatherer.tables,
	}
	d.rotation = &rotation{
		gatherer: d.gatherer, accounts: d.accounts, lanes: d.lanes, keeper: &keeper{},
		history: func() history { return history{} },
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

// announce is a record of a dimension as a ring holds it, of which only the id (and of a task the cgroup) is told.
func announce(l *bpf.Layout, id int64, cgroup int64) bpf.Records {
	data := newRecord(l)
	if l.Schema.Columns[0].Type == format.Int32 {
		binary.NativeEndian.PutUint32(data[12:], uint32(id))
	} else {
		binary.NativeEndian.PutUint64(data[16:], uint64(id))
	}
	if l.Schema.Table == "task" {
		binary.NativeEndian.PutUint64(data[8+l.Size-16-8-8:], uint64(cgroup)) // before comm and exe
	}
	return bpf.SingleRecord(data)
}

// newRecord is a record of zeros with its frame.
func newRecord(l *bpf.Layout) []byte {
	data := make([]byte, 8+l.Size)
	binary.NativeEndian.PutUint32(data, l.Size)
	binary.NativeEndian.PutUint32(data[8:], l.Kind)
	return data
}
