// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"os"
	"sync/atomic"
	"testing"

	"github.com/fletch-trace/fletch/format"
)

// benchRing is a ring in ordinary memory that is full of system calls, and its layouts.
func benchRing(b testing.TB) (r *ring, layouts []*Layout, l *Layout, records int) {
	layouts = Layouts()
	for _, x := range layouts {
		if x != nil && x.Schema.Table == "syscall" {
			l = x
		}
	}
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

// No lock and no allocation per event: what a full ring takes to columns allocates nothing at all.
func TestSweepAllocatesNothing(t *testing.T) {
	r, layouts, l, records := benchRing(t)
	batch := format.NewBatch(l.Schema)
	var scratch [chunkRecords]uint32
	emit := func(l *Layout, rec Records, cpu int32) error {
		l.Gather(batch, rec, cpu, 1)
		return nil
	}
	n := testing.AllocsPerRun(10, func() { // once before it counts, and the batch has its memory
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

// The way from a ring to columns: finding the records alone, and with copying them.
func BenchmarkSweep(b *testing.B) {
	r, layouts, l, records := benchRing(b)
	batch := format.NewBatch(l.Schema)
	for _, c := range []struct {
		name string
		emit func(*Layout, Records, int32) error
	}{
		{"alone", func(*Layout, Records, int32) error { return nil }},
		{"gather", func(l *Layout, rec Records, cpu int32) error {
			l.Gather(batch, rec, cpu, 1)
			return nil
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var scratch [chunkRecords]uint32
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

// Copying records that are in the cache already.
func BenchmarkGather(b *testing.B) {
	r, _, l, _ := benchRing(b)
	offsets := make([]uint32, chunkRecords)
	for i := range offsets {
		offsets[i] = uint32(i)*(uint32(l.Size+frameSize+7)&^7) + frameSize
	}
	batch := format.NewBatch(l.Schema)
	b.SetBytes(int64(l.Size) * chunkRecords)
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		l.Gather(batch, Records{data: r.data, offsets: offsets}, 0, 1)
	}
	reportEvents(b, chunkRecords)
}
