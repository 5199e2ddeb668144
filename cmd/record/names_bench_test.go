// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// What a generation's names cost the drain for each row of events.
func BenchmarkNote(b *testing.B) {
	n := &names{task: &dimension{now: newReferences()}, path: &dimension{now: newReferences()}}
	batch := format.NewBatch(&format.Schema{Table: "syscall", Columns: []format.Column{{Name: "task", Type: format.Int32}}})
	for i := range int32(bulkRows) {
		batch.Columns[0].I32 = append(batch.Columns[0].I32, i/8%500+1) // runs of 8 by 500 tasks
	}
	b.ReportAllocs()
	for b.Loop() {
		n.note(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/bulkRows, "ns/row")
}
