// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// A copy of a record stays the same when the memory of the ring is overwritten.
func TestCopiedRecord(t *testing.T) {
	for _, l := range Layouts() {
		if l == nil || l.Schema.Event() {
			continue
		}
		data := make([]byte, 2*(frameSize+int(l.Size)))
		offsets := []uint32{frameSize, 2*frameSize + l.Size}
		for i, off := range offsets {
			binary.NativeEndian.PutUint32(data[off-frameSize:], l.Size)
			binary.NativeEndian.PutUint32(data[off:], l.Kind)
			binary.NativeEndian.PutUint32(data[off+uint32(l.columns[0].offset):], uint32(7+i))
		}
		r := Records{data: data, offsets: offsets}
		if a, b := l.ID(r, 0), l.ID(r, 1); a != 7 || b != 8 {
			t.Errorf("%s: ids %d and %d, want 7 and 8", l.Schema.Table, a, b)
		}
		copied := r.Copy(1)
		clear(data)
		b := format.NewBatch(l.Schema)
		l.Gather(b, SingleRecord(copied), -1, 0)
		v := b.Columns[0]
		if b.Rows != 1 || v.Type == format.Int32 && v.I32[0] != 8 || v.Type == format.Int64 && v.I64[0] != 8 {
			t.Errorf("%s: %+v", l.Schema.Table, v)
		}
	}
}
