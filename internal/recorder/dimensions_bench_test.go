//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// What the rows that events refer to cost the drain for each event.
func BenchmarkNote(b *testing.B) {
	s := &format.Schema{Table: "syscall", Columns: []format.Column{{Name: "task", Type: format.Int32}}}
	task := &keptDimension{now: newReferences(1)}
	d := &dimensions{columns: map[*format.Schema][]reference{s: {{0, task}}}}
	batch := format.NewBatch(s)
	for i := range int32(bulkRows) {
		batch.Columns[0].I32 = append(batch.Columns[0].I32, i/8%500+1) // runs of 8 by 500 tasks
	}
	b.ReportAllocs()
	for b.Loop() {
		d.note(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/bulkRows, "ns/row")
}
