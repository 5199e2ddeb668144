// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// benchRing returns a ring in ordinary memory that is full of records of table syscall, all layouts and that of
// syscall, and the number of records.
func benchRing(b testing.TB) (r *ring, layouts []*Layout, l *Layout, records int) {
	layouts = Layouts()
	l = layoutOf(layouts, "syscall")
	const size = 1 << 20
	page := os.Getpagesize()
	r = &ring{mask: size - 1, consumer: make([]byte, page), producer: make([]byte, page+2*size)}
	r.data = r.producer[page:]
	step := int(l.Size+frameSize+7) &^ 7
	for at := 0; at+step <= size; at += step {
		binary.NativeEndian.PutUint32(r.data[at:], l.Size)
		binary.NativeEndian.PutUint32(r.data[at+frameSize:], l.Kind)
		records++
	}
	atomic.StoreUint64(position(r.producer), uint64(records*step))
	return r, layouts, l, records
}

// Sweeping a full ring into columns allocates nothing, once the batch has grown.
func TestSweepAllocatesNothing(t *testing.T) {
	r, layouts, l, records := benchRing(t)
	batch := format.NewBatch(l.Schema)
	var scratch [MaxRecords]uint32
	emit := func(l *Layout, rec Records, cpu int32) error {
		l.Gather(batch, rec, cpu, 1)
		return nil
	}
	n := testing.AllocsPerRun(10, func() { // it runs once before it counts: the batch grows then
		batch.Reset()
		atomic.StoreUint64(position(r.consumer), 0)
		if err := r.sweep(layouts, &scratch, emit); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 || batch.Column("nr").Len() != records {
		t.Errorf("%v allocations for %d of %d events", n, batch.Column("nr").Len(), records)
	}
}

func reportEvents(b *testing.B, events int) {
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(events), "ns/event")
}

// Sweeping a ring: without copying the records, and with copying them to columns.
func BenchmarkSweep(b *testing.B) {
	r, layouts, l, records := benchRing(b)
	batch := format.NewBatch(l.Schema)
	for _, c := range []struct {
		name string
		emit Emit
	}{
		{"alone", func(*Layout, Records, int32) error { return nil }},
		{"gather", func(l *Layout, rec Records, cpu int32) error {
			l.Gather(batch, rec, cpu, 1)
			return nil
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var scratch [MaxRecords]uint32
			b.SetBytes(int64(atomic.LoadUint64(position(r.producer))))
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				atomic.StoreUint64(position(r.consumer), 0)
				if err := r.sweep(layouts, &scratch, c.emit); err != nil {
					b.Fatal(err)
				}
			}
			reportEvents(b, records)
		})
	}
}

// Copying records to columns when they are in the cache.
func BenchmarkGather(b *testing.B) {
	r, _, l, _ := benchRing(b)
	offsets := make([]uint32, MaxRecords)
	for i := range offsets {
		offsets[i] = uint32(i)*(uint32(l.Size+frameSize+7)&^7) + frameSize
	}
	batch := format.NewBatch(l.Schema)
	b.SetBytes(int64(l.Size) * MaxRecords)
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		l.Gather(batch, Records{data: r.data, offsets: offsets}, 0, 1)
	}
	reportEvents(b, MaxRecords)
}
