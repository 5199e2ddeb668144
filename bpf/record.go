// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"encoding/binary"
	"errors"
	"slices"
	"unsafe"

	"github.com/fletch-trace/fletch/format"
)

// MaxRecords is the most records that Emit is given at once.
const MaxRecords = chunkRecords

// ErrNoRoom is what Emit returns when it has no room for the records now. They stay in their ring and come again with a
// later sweep; what the ring cannot hold until then, the programs count as lost.
var ErrNoRoom = errors.New("no room for the records now")

// Copy gives record i in memory of its own, for One.
func (r Records) Copy(i int) []byte {
	off := r.offsets[i]
	n := binary.NativeEndian.Uint32(r.data[off-frameSize:])
	return slices.Clone(r.data[off-frameSize : off+n])
}

var afterFrame = []uint32{frameSize}

// SingleRecord returns the one record that Copy returned.
func SingleRecord(record []byte) Records { return Records{data: record, offsets: afterFrame} }

// ID is what a record of a dimension is referred to by: its table's first column.
func (l *Layout) ID(r Records, i int) int64 {
	c := &l.columns[0]
	at := unsafe.Add(unsafe.Pointer(unsafe.SliceData(r.data)), uintptr(r.offsets[i])+c.offset)
	if l.Schema.Columns[0].Type == format.Int32 {
		return int64(*(*int32)(at))
	}
	return *(*int64)(at)
}
