//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// Batches are allocated when needed, and freed when they were not needed between two trims; then they can be allocated
// again.
func TestBatchesAreTrimmed(t *testing.T) {
	calls := newTestParts(t).gatherer.table("syscall")
	take := func(n int) {
		t.Helper()
		var taken []*format.Batch
		for range n {
			if !calls.takeBatch() {
				t.Fatalf("no batch after %d", len(taken))
			}
			taken = append(taken, calls.batch)
		}
		for _, b := range taken {
			calls.free <- b
		}
		calls.batch = nil
	}
	wantAllocated := func(want int) {
		t.Helper()
		if n := bulkBatches - calls.unallocated; n != want || len(calls.free) != want {
			t.Errorf("%d batches are allocated and %d free, want %d", n, len(calls.free), want)
		}
	}
	take(4)
	calls.trim()
	wantAllocated(4)
	take(1)
	take(2)
	take(1)
	wantAllocated(4)
	calls.trim()
	wantAllocated(2)
	take(bulkBatches)
	calls.trim()
	wantAllocated(bulkBatches)
	calls.trim() // no batch was needed since the last trim
	wantAllocated(0)
	take(1)
	wantAllocated(1)
}
