// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"errors"
	"slices"
	"unsafe"

	"github.com/fletch-trace/fletch/format"
)

// Emit takes records of one table, at most MaxRecords. They are memory of the ring, valid until it returns. cpu is that
// of the ring; it is -1 for records of an iterator, for which Emit must not return ErrNoRoom.
type Emit func(l *Layout, r Records, cpu int32) error

// MaxRecords is the most records that Emit is called with. It is small enough that the ring is freed while programs
// still fill it, and that the records stay in the second-level cache.
const MaxRecords = 1024

// ErrNoRoom is returned by Emit when it has no room for the records now. They stay in their ring, and a later sweep
// emits them again. If the ring fills up until then, the programs count further records as lost.
var ErrNoRoom = errors.New("no room for the records now")

// Records are records of one table in the memory of a ring or in the output of an iterator.
type Records struct {
	data    []byte
	offsets []uint32 // of each record in data
	// fromCallRing is false for records that are framed as in a BPF ring buffer: the length, 4 bytes, is frameSize
	// bytes before the record. In a call ring the length is in the upper half of a record's first word. The record may
	// be shorter than its struct, and the missing members are 0; the memory behind it is readable.
	fromCallRing bool
}

const frameSize = 8 // BPF_RINGBUF_HDR_SZ

// Len returns the number of records.
func (r Records) Len() int { return len(r.offsets) }

// Prefix returns the first n records.
func (r Records) Prefix(n int) Records { return Records{r.data, r.offsets[:n], r.fromCallRing} }

// at returns the bytes of record i.
func (r Records) at(i int) []byte {
	off := r.offsets[i]
	if r.fromCallRing {
		return r.data[off : off+binary.NativeEndian.Uint32(r.data[off:])>>16]
	}
	n := binary.NativeEndian.Uint32(r.data[off-frameSize:])
	return r.data[off : off+n]
}

// Copy returns a copy of record i with its frame, for SingleRecord. The record must not be from a call ring.
func (r Records) Copy(i int) []byte {
	off := r.offsets[i]
	n := binary.NativeEndian.Uint32(r.data[off-frameSize:])
	return slices.Clone(r.data[off-frameSize : off+n])
}

var afterFrame = []uint32{frameSize}

// SingleRecord returns the record that Copy returned as Records. It does not copy it.
func SingleRecord(record []byte) Records { return Records{data: record, offsets: afterFrame} }

// ID returns the id of record i of a dimension, which is the first column of its table.
func (l *Layout) ID(r Records, i int) int64 {
	c := &l.columns[0]
	at := unsafe.Add(unsafe.Pointer(unsafe.SliceData(r.data)), uintptr(r.offsets[i])+c.offset)
	if l.Schema.Columns[0].Type == format.Int32 {
		return int64(*(*int32)(at))
	}
	return *(*int64)(at)
}

// Int32At returns the value of an int32 column in record i.
func (l *Layout) Int32At(r Records, i int, name string) int32 {
	return int32(binary.NativeEndian.Uint32(r.at(i)[l.columns[l.Schema.Index(name)].offset:]))
}

// Int64At returns the value of an int64 column in record i; of a timestamp it is CLOCK_MONOTONIC, ns.
func (l *Layout) Int64At(r Records, i int, name string) int64 {
	return int64(binary.NativeEndian.Uint64(r.at(i)[l.columns[l.Schema.Index(name)].offset:]))
}
