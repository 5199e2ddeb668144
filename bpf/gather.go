// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"unsafe"

	"github.com/fletch-trace/fletch/format"
)

// Gather appends the records to b as rows, column by column. cpu is the value of column cpu; wall is added to
// timestamps (CLOCK_MONOTONIC, ns) to get ns since the Unix epoch. It allocates only if a column of b has no room left.
//
// Each record must have at least l.Size bytes, or l.minSize in a call ring; the sweep of the ring has checked that.
func (l *Layout) Gather(b *format.Batch, r Records, cpu int32, wall int64) {
	n := r.Len()
	if n == 0 {
		return
	}
	for i := range l.columns {
		c, v := &l.columns[i], &b.Columns[i]
		switch c.form {
		case formInt64:
			if r.fromCallRing && c.offset >= uintptr(l.minSize) {
				gatherPresent(extend(&v.I64, n), r, c.offset)
				continue
			}
			gather(extend(&v.I64, n), r, c.offset, func(n int64) int64 { return n })
		case formTime:
			gather(extend(&v.I64, n), r, c.offset, func(ktime int64) int64 { return ktime + wall })
		case formInt32:
			if r.fromCallRing && c.offset >= uintptr(l.minSize) {
				gatherPresent(extend(&v.I32, n), r, c.offset)
				continue
			}
			gather(extend(&v.I32, n), r, c.offset, func(n int32) int32 { return n })
		case formUint32:
			gather(extend(&v.I64, n), r, c.offset, func(n uint32) int64 { return int64(n) })
		case formUint16:
			gather(extend(&v.I32, n), r, c.offset, func(n uint16) int32 { return int32(n) })
		case formCPU:
			dst := extend(&v.I32, n)
			for j := range dst {
				dst[j] = cpu
			}
		default:
			for j := range n {
				c.appendString(v, r.at(j))
			}
		}
	}
	b.Rows += n
}

// gather copies one member of all records to a column.
func gather[F, T any](dst []T, r Records, offset uintptr, convert func(F) T) {
	base := unsafe.Add(unsafe.Pointer(unsafe.SliceData(r.data)), offset)
	for i, off := range r.offsets {
		dst[i] = convert(*(*F)(unsafe.Add(base, off)))
	}
}

// gatherPresent is gather for a member that records of a call ring may end before; it is 0 then.
func gatherPresent[T int32 | int64](dst []T, r Records, offset uintptr) {
	base := unsafe.Pointer(unsafe.SliceData(r.data))
	for i, off := range r.offsets {
		rec := unsafe.Add(base, off)
		value := *(*T)(unsafe.Add(rec, offset))
		if uintptr(*(*uint32)(rec)>>16) <= offset {
			value = 0
		}
		dst[i] = value
	}
}

// extend makes *s n elements longer, and returns these.
func extend[T any](s *[]T, n int) []T {
	old := len(*s)
	*s = slices.Grow(*s, n)[:old+n]
	return (*s)[old:]
}

// appendString appends the column's value in record rec to v, a column of strings or of lists.
func (c *column) appendString(v *format.Vector, rec []byte) {
	switch c.form {
	case formEnum:
		name := ""
		if n := binary.NativeEndian.Uint32(rec[c.offset:]); int(n) < len(c.names) {
			name = c.names[n]
		}
		v.Str.Append(name)
	case formComm:
		comm := rec[c.offset : c.offset+c.size]
		if i := bytes.IndexByte(comm, 0); i >= 0 {
			comm = comm[:i]
		}
		v.Str.Data = appendEscaped(v.Str.Data, comm)
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
	case formString:
		v.Str.Data = appendEscaped(v.Str.Data, refAt(rec, c.offset).bytes)
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
	case formText:
		v.Str.Data = appendText(v.Str.Data, refAt(rec, c.offset))
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
	case formPath:
		v.Str.Data = appendPath(v.Str.Data, refAt(rec, c.offset), rec)
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
	case formContainer:
		v.Str.Append(containerOf(refAt(rec, c.offset).bytes))
	case formAddress:
		addr := netip.AddrFrom16([16]byte(rec[c.offset:])).Unmap()
		v.Str.Data = addr.AppendTo(v.Str.Data)
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
	case formSocketAddress:
		v.Str.Data = appendSocketAddress(v.Str.Data, refAt(rec, c.offset))
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
	case formList:
		appendList(v, refAt(rec, c.offset))
	}
}
