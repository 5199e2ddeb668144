// SPDX-License-Identifier: Apache-2.0

package arrowtable

import (
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/fletch-trace/fletch/format"
)

// batchMemory is a batch whose memory the buffers of a record share. It is a
// memory.Allocator, so that Arrow calls Free when the last reference to a buffer is
// released. After the last buffer of a record the batch is reused for another one.
type batchMemory struct {
	format.Batch
	buffers atomic.Int64 // not yet freed
	free    chan<- *batchMemory
}

var _ memory.Allocator = (*batchMemory)(nil)

// wrap makes a buffer of a part of the batch.
func (m *batchMemory) wrap(b []byte) *memory.Buffer {
	m.buffers.Add(1)
	return memory.NewBufferWithAllocator(b, m)
}

// Free is called by Arrow for each buffer.
func (m *batchMemory) Free([]byte) {
	if m.buffers.Add(-1) == 0 {
		m.reuse()
	}
}

// reuse offers the memory for another record.
func (m *batchMemory) reuse() {
	select {
	case m.free <- m:
	default: // enough are free; this one is left to the garbage collector
	}
}

// Allocate and Reallocate are only called for buffers that grow, which these do not.
func (m *batchMemory) Allocate(size int) []byte { return make([]byte, size) }

// Reallocate copies b into memory of another size.
func (m *batchMemory) Reallocate(size int, b []byte) []byte {
	return append(make([]byte, 0, size), b[:min(len(b), size)]...)[:size]
}
