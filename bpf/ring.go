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

// A ring is a BPF ring buffer, mapped into memory as kernel/bpf/ringbuf.c lays it out: a page with the consumer's
// position, which is writable; a page with the producer's position; the data twice in a row, so that a record that
// wraps around is contiguous.
type ring struct {
	cpu          int32
	m            *ebpf.Map
	consumer     []byte
	producer     []byte // the producer's page, then the data twice
	data         []byte
	mask         uint64
	stoppedEarly bool // the last sweep did not read all that was written before it began
}

const (
	ringBusy    = 1 << 31 // BPF_RINGBUF_BUSY_BIT
	ringDiscard = 1 << 30 // BPF_RINGBUF_DISCARD_BIT
)

// newRing creates and maps a ring of size bytes, which is a power of two and a multiple of the page size.
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

// position is the number of bytes ever read or written, in the page of the consumer or of the producer.
func position(page []byte) *uint64 { return (*uint64)(unsafe.Pointer(unsafe.SliceData(page))) }

// fill is how full the ring is, 0 to 1.
func (r *ring) fill() float64 {
	return float64(atomic.LoadUint64(position(r.producer))-atomic.LoadUint64(position(r.consumer))) / float64(r.mask+1)
}

// sweep passes the records in the ring to emit, at most MaxRecords of one kind at a time, and frees them. It stops at a
// record that is still being written, and when emit has no room. layouts is indexed by kind. A record of an unknown
// kind is an error. scratch is for the offsets of the records.
func (r *ring) sweep(layouts []*Layout, scratch *[MaxRecords]uint32, emit Emit) error {
	cons := atomic.LoadUint64(position(r.consumer))
	prod := atomic.LoadUint64(position(r.producer))
	end := prod
	defer func() { r.stoppedEarly = cons < end }()
	for cons < prod {
		offsets := scratch[:0]
		kind := uint32(0)
		next := cons
		for next < prod && len(offsets) < MaxRecords {
			at := uint32(next & r.mask)
			word := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
			if word&ringBusy != 0 {
				prod = next // records behind it stay until a later sweep, in order
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

// check checks the kind and the size, in bytes, of a record.
func check(layouts []*Layout, kind, size uint32) error {
	if kind >= uint32(len(layouts)) || layouts[kind] == nil {
		return fmt.Errorf("a record of unknown kind %d", kind)
	}
	if size < layouts[kind].Size {
		return fmt.Errorf("a %s record of %d bytes, want %d at least",
			layouts[kind].Schema.Table, size, layouts[kind].Size)
	}
	return nil
}
