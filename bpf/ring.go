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

// A ring is one BPF ring buffer, mapped. Layout: kernel/bpf/ringbuf.c - a page with the consumer's position,
// writable; a page with the producer's; the data, twice in a row, so that no record is ever split.
type ring struct {
	cpu          int32
	m            *ebpf.Map
	consumer     []byte
	producer     []byte // the producer's page, then the data twice
	data         []byte
	mask         uint64
	stoppedEarly bool // the last sweep stopped before the end of what was there when it began
}

const (
	ringBusy    = 1 << 31 // BPF_RINGBUF_BUSY_BIT
	ringDiscard = 1 << 30 // BPF_RINGBUF_DISCARD_BIT
)

// newRing makes and maps a ring of size bytes, a power of two and a multiple of the page size.
func newRing(spec *ebpf.MapSpec, cpu, size int) (*ring, error) {
	spec = spec.Copy()
	spec.MaxEntries = uint32(size)
	m, err := ebpf.NewMap(spec)
	if err != nil {
		return nil, fmt.Errorf("making a ring of %d bytes for cpu %d: %w", size, cpu, err)
	}
	r := &ring{cpu: int32(cpu), m: m, mask: uint64(size - 1)}
	page := os.Getpagesize()
	if r.consumer, err = unix.Mmap(m.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		r.producer, err = unix.Mmap(m.FD(), int64(page), page+2*size, unix.PROT_READ, unix.MAP_SHARED)
	}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("mapping the ring of cpu %d: %w", cpu, err)
	}
	r.data = r.producer[page:]
	return r, nil
}

func (r *ring) close() {
	if r.consumer != nil {
		unix.Munmap(r.consumer)
	}
	if r.producer != nil {
		unix.Munmap(r.producer)
	}
	r.m.Close()
}

func position(page []byte) *uint64 { return (*uint64)(unsafe.Pointer(unsafe.SliceData(page))) }

// fill is how much of the ring is in use, 0 to 1.
func (r *ring) fill() float64 {
	return float64(atomic.LoadUint64(position(r.producer))-atomic.LoadUint64(position(r.consumer))) / float64(r.mask+1)
}

// chunkRecords is how many records are handed on at a time: few enough that the ring is freed while its
// producer is still filling it, and that the records of one chunk stay in the second-level cache.
const chunkRecords = 1024

// sweep hands every record that is complete to emit, in chunks of one kind, and frees them. It stops at a
// record still being written, and at the first that emit has no room for. layouts is indexed by kind; a record of none is a
// defect of the programs.
func (r *ring) sweep(layouts []*Layout, scratch *[chunkRecords]uint32, emit func(*Layout, Records, int32) error) error {
	cons := atomic.LoadUint64(position(r.consumer))
	prod := atomic.LoadUint64(position(r.producer))
	end := prod
	defer func() { r.stoppedEarly = cons < end }()
	for cons < prod {
		offsets := scratch[:0]
		kind := uint32(0)
		next := cons
		for next < prod && len(offsets) < chunkRecords {
			at := uint32(next & r.mask)
			word := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
			if word&ringBusy != 0 {
				prod = next // nothing after it is ordered before it
				break
			}
			n := word &^ (ringBusy | ringDiscard)
			if word&ringDiscard == 0 {
				k := binary.NativeEndian.Uint32(r.data[at+frameSize:])
				if err := check(layouts, k, n); err != nil {
					return fmt.Errorf("reading the ring of cpu %d: %w", r.cpu, err)
				}
				if kind == 0 {
					kind = k
				}
				if k != kind {
					break
				}
				offsets = append(offsets, at+frameSize)
			}
			next += uint64(n+frameSize+7) &^ 7
		}
		if len(offsets) > 0 {
			if err := emit(layouts[kind], Records{data: r.data, offsets: offsets}, r.cpu); err == ErrNoRoom {
				return nil
			} else if err != nil {
				return err
			}
		}
		if next == cons {
			break
		}
		cons = next
		atomic.StoreUint64(position(r.consumer), cons)
	}
	return nil
}

func check(layouts []*Layout, kind, size uint32) error {
	if kind >= uint32(len(layouts)) || layouts[kind] == nil {
		return fmt.Errorf("a record of unknown kind %d", kind)
	}
	if size < layouts[kind].Size {
		return fmt.Errorf("a %s record of %d bytes, want %d at least", layouts[kind].Schema.Table, size, layouts[kind].Size)
	}
	return nil
}

// walk does for an iterator's output what sweep does for a ring.
func walk(data []byte, layouts []*Layout, emit func(*Layout, Records, int32) error) error {
	for at := 0; at+frameSize+4 <= len(data); {
		n := binary.NativeEndian.Uint32(data[at:])
		kind := binary.NativeEndian.Uint32(data[at+frameSize:])
		if err := check(layouts, kind, n); err != nil {
			return err
		}
		if uint64(at)+frameSize+uint64(n) > uint64(len(data)) {
			return fmt.Errorf("a record of %d bytes in %d", n, len(data)-at-frameSize)
		}
		if err := emit(layouts[kind], Records{data: data, offsets: []uint32{uint32(at + frameSize)}}, -1); err != nil {
			return err
		}
		at += int(n+frameSize+7) &^ 7
	}
	return nil
}
