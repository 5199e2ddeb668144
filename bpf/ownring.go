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

// An ownRing is one CPU's ring of what the programs of system calls write: chunks in a map, and in none of them a record that
// runs on into the next.
type ownRing struct {
	layout     *Layout
	cpu        int32
	data       []byte
	head, tail *uint64 // bytes ever written and read
	chunk      uint64  // bytes of one
}

// ownTables are the tables that have rings of their own, in the order of enum own.
var ownTables = [...]string{"syscall", "file"}

// mapOwn maps the rings of all CPUs, of so many bytes for each of ownTables.
func mapOwn(m *ebpf.Map, at *cpuMap, cpus int, bytes [len(ownTables)]int, layouts []*Layout) (mem []byte, rings []*ownRing, err error) {
	page, all := os.Getpagesize(), 0
	for _, n := range bytes {
		all += n * cpus
	}
	mem, err = unix.Mmap(m.FD(), 0, (all+page-1)&^(page-1), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping the rings of calls: %w", err)
	}
	left := mem
	for i, table := range ownTables {
		word := uintptr(i) * unsafe.Sizeof(uint64(0))
		for cpu := range cpus {
			rings = append(rings, &ownRing{
				layout: layoutOf(layouts, table),
				cpu:    int32(cpu), data: left[:bytes[i]], chunk: uint64(m.ValueSize()),
				head: at.word(cpu, at.head+word), tail: at.word(cpu, at.tail+word),
			})
			left = left[bytes[i]:]
		}
	}
	return mem, rings, nil
}

func (r *ownRing) fill() float64 {
	return float64(atomic.LoadUint64(r.head)-atomic.LoadUint64(r.tail)) / float64(len(r.data))
}

// sweep does what ring.sweep does.
func (r *ownRing) sweep(scratch *[chunkRecords]uint32, emit Emit) error {
	l, mask := r.layout, uint64(len(r.data)-1)
	tail, head := *r.tail, atomic.LoadUint64(r.head)
	for tail < head {
		offsets := scratch[:0]
		next := tail
		for next < head && len(offsets) < chunkRecords {
			if left := r.chunk - next&(r.chunk-1); left < uint64(l.Size) {
				next += left
				continue
			}
			at := uint32(next & mask)
			word := binary.NativeEndian.Uint32(r.data[at:])
			kind, size := word&0xffff, word>>16
			if kind != l.Kind || size < l.minSize || size > l.Size {
				return fmt.Errorf("reading the ring of table %s of cpu %d: a record of kind %d and %d bytes", l.Schema.Table, r.cpu, kind, size)
			}
			offsets = append(offsets, at)
			next += uint64(size)
		}
		if len(offsets) > 0 {
			if err := emit(l, Records{data: r.data, offsets: offsets, sized: true}, r.cpu); err == ErrNoRoom {
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
