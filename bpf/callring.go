// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cilium/ebpf"
)

// A callRing is a ring of the system call programs, of one table and one CPU (map call_rings of rings.h). It consists
// of chunks of memory; a record never crosses the end of a chunk.
type callRing struct {
	layout     *Layout
	cpu        int32
	data       []byte
	head, tail *uint64 // bytes ever written and ever read, with what is unused at the ends of chunks
	chunk      uint64  // bytes of a chunk
}

// callTables are the tables that have call rings, in the order of enum call_ring.
var callTables = [...]string{"syscall", "file"}

// mapCallRings maps m, the map call_rings, into memory. It returns the memory and the rings in it: for each of
// callTables one ring per CPU, of bytes[i] bytes each.
func mapCallRings(m *ebpf.Map, counters *cpuMap, cpus int, bytes [len(callTables)]int, layouts []*Layout,
) (mem []byte, rings []*callRing, err error) {
	page, total := os.Getpagesize(), 0
	for _, n := range bytes {
		total += n * cpus
	}
	mem, err = unix.Mmap(m.FD(), 0, (total+page-1)&^(page-1), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping the call rings: %w", err)
	}
	rest := mem
	for i, table := range callTables {
		index := uintptr(i) * unsafe.Sizeof(uint64(0))
		for cpu := range cpus {
			rings = append(rings, &callRing{
				layout: layoutOf(layouts, table),
				cpu:    int32(cpu), data: rest[:bytes[i]], chunk: uint64(m.ValueSize()),
				head: counters.word(cpu, counters.head+index), tail: counters.word(cpu, counters.tail+index),
			})
			rest = rest[bytes[i]:]
		}
	}
	return mem, rings, nil
}

// fill is how full the ring is, 0 to 1.
func (r *callRing) fill() float64 {
	return float64(atomic.LoadUint64(r.head)-atomic.LoadUint64(r.tail)) / float64(len(r.data))
}

// sweep passes the records in the ring to emit, at most MaxRecords at a time, and frees them. It stops when emit has no
// room. scratch is for the offsets of the records.
func (r *callRing) sweep(scratch *[MaxRecords]uint32, emit Emit) error {
	l, mask := r.layout, uint64(len(r.data)-1)
	tail, head := *r.tail, atomic.LoadUint64(r.head)
	for tail < head {
		offsets := scratch[:0]
		next := tail
		for next < head && len(offsets) < MaxRecords {
			if unused := r.chunk - next&(r.chunk-1); unused < uint64(l.Size) {
				next += unused
				continue
			}
			at := uint32(next & mask)
			word := binary.NativeEndian.Uint32(r.data[at:])
			kind, size := word&0xffff, word>>16
			if kind != l.Kind || size < l.minSize || size > l.Size {
				return fmt.Errorf("reading the ring of table %s of cpu %d: a record of kind %d and %d bytes",
					l.Schema.Table, r.cpu, kind, size)
			}
			offsets = append(offsets, at)
			next += uint64(size)
		}
		if len(offsets) > 0 {
			err := emit(l, Records{data: r.data, offsets: offsets, fromCallRing: true}, r.cpu)
			if err == ErrNoRoom {
				return nil
			} else if err != nil {
				return err
			}
		}
		tail = next
		atomic.StoreUint64(r.tail, tail)
	}
	return nil
}
