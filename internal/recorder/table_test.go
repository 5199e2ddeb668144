//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// Batches are made when they are needed, and given back when they were not for a while; then they can be made again.
func TestBatchesAreTrimmed(t *testing.T) {
	calls := newTestParts(t).gatherer.table("syscall")
	take := func(n int) {
		t.Helper()
		var taken []*format.Batch
		for range n {
			if !calls.next() {
				t.Fatalf("no batch after %d", len(taken))
			}
			taken = append(taken, calls.batch)
		}
		for _, b := range taken {
			calls.free <- b
		}
		calls.batch = nil
	}
	made := func(want int) {
		t.Helper()
		if n := bulkBatches - calls.unmade; n != want || len(calls.free) != want {
			t.Errorf("%d batches are made and %d free, want %d", n, len(calls.free), want)
		}
	}
	take(4)
	calls.trim()
	made(4)
	take(1)
	take(2)
	take(1)
	made(4)
	calls.trim()
	made(2)
	take(bulkBatches)
	calls.trim()
	made(bulkBatches)
	calls.trim() // it had nothing at all to do
	made(0)
	take(1)
	made(1)
}
