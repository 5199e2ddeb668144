// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"github.com/fletch-trace/fletch/format"
)

// Records are whole records of one kind in one stretch of memory: a ring's data, or an iterator's output.
type Records struct {
	data    []byte
	offsets []uint32 // of each record in data; its frame (length, 4 bytes; 4 bytes) stands before it
	// sized: there is no frame. The upper half of a record's first word is its size, and members beyond it are 0; the
	// memory of them can be read.
	sized bool
}

// Len is the number of records.
func (r Records) Len() int { return len(r.offsets) }

// Prefix returns the first n records.
func (r Records) Prefix(n int) Records { return Records{r.data, r.offsets[:n], r.sized} }

const frameSize = 8 // BPF_RINGBUF_HDR_SZ

func (r Records) at(i int) []byte {
	off := r.offsets[i]
	if r.sized {
		return r.data[off : off+binary.NativeEndian.Uint32(r.data[off:])>>16]
	}
	n := binary.NativeEndian.Uint32(r.data[off-frameSize:])
	return r.data[off : off+n]
}

// Gather appends the records as rows of b, column by column. cpu is the ring's; wall is what makes a
// CLOCK_MONOTONIC time a Unix one, both in ns. It allocates only where a column of b has no room left.
//
// Every record must be at least l.Size long, which the walk of the ring sees to.
func (l *Layout) Gather(b *format.Batch, r Records, cpu int32, wall int64) {
	n := r.Len()
	if n == 0 {
		return
	}
	for i := range l.columns {
		c, v := &l.columns[i], &b.Columns[i]
		switch c.form {
		case formInt64:
			if r.sized && c.offset >= uintptr(l.minSize) {
				gatherPresent(extend(&v.I64, n), r, c.offset)
				continue
			}
			gather(extend(&v.I64, n), r, c.offset, func(x int64) int64 { return x })
		case formTime:
			gather(extend(&v.I64, n), r, c.offset, func(x int64) int64 { return x + wall })
		case formInt32:
			gather(extend(&v.I32, n), r, c.offset, func(x int32) int32 { return x })
		case formUint32:
			gather(extend(&v.I64, n), r, c.offset, func(x uint32) int64 { return int64(x) })
		case formUint16:
			gather(extend(&v.I32, n), r, c.offset, func(x uint16) int32 { return int32(x) })
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

// gather is the strided copy: one member of every record into one column.
func gather[F, T any](dst []T, r Records, offset uintptr, convert func(F) T) {
	base := unsafe.Add(unsafe.Pointer(unsafe.SliceData(r.data)), offset)
	for i, off := range r.offsets {
		dst[i] = convert(*(*F)(unsafe.Add(base, off)))
	}
}

// gatherPresent is gather for a member that only records of a larger size have.
func gatherPresent(dst []int64, r Records, offset uintptr) {
	base := unsafe.Pointer(unsafe.SliceData(r.data))
	for i, off := range r.offsets {
		rec := unsafe.Add(base, off)
		x := *(*int64)(unsafe.Add(rec, offset))
		if uintptr(*(*uint32)(rec)>>16) <= offset {
			x = 0
		}
		dst[i] = x
	}
}

func extend[T any](s *[]T, n int) []T {
	old := len(*s)
	*s = slices.Grow(*s, n)[:old+n]
	return (*s)[old:]
}

func (c *column) appendString(v *format.Vector, rec []byte) {
	switch c.form {
	case formEnum:
		name := ""
		if x := binary.NativeEndian.Uint32(rec[c.offset:]); int(x) < len(c.words) {
			name = c.words[x]
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
	case formPath:
		v.Str.Data = appendPath(v.Str.Data, refAt(rec, c.offset))
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
	case formContainer:
		v.Str.Append(containerOf(refAt(rec, c.offset).bytes))
	case formAddress:
		addr := netip.AddrFrom16([16]byte(rec[c.offset:])).Unmap()
		v.Str.Data = addr.AppendTo(v.Str.Data)
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
	case formList:
		appendList(v, refAt(rec, c.offset))
	}
}

// Flags of a ref: enum ref_flags of events.h.
const (
	refCut      = 1
	refDeleted  = 2
	refRelative = 4
)

// A ref is a struct ref of events.h, resolved. One that points outside its record is empty.
type ref struct {
	bytes   []byte
	present bool
	flags   uint16
}

func refAt(rec []byte, offset uintptr) ref {
	off := binary.NativeEndian.Uint16(rec[offset:])
	n := binary.NativeEndian.Uint16(rec[offset+2:])
	r := ref{present: off != 0, flags: binary.NativeEndian.Uint16(rec[offset+4:])}
	if int(off)+int(n) <= len(rec) {
		r.bytes = rec[off : int(off)+int(n)]
	}
	return r
}

// cutMark ends what is longer in the kernel than in the capture.
const cutMark = "…"

// appendList splits NUL-terminated strings. A command line that was cut says so in its last element.
func appendList(v *format.Vector, r ref) {
	for b := r.bytes; len(b) > 0; {
		arg, rest, whole := bytes.Cut(b, []byte{0})
		v.Str.Data = appendEscaped(v.Str.Data, arg)
		if len(rest) == 0 && r.flags&refCut != 0 {
			if whole { // the cut fell between two
				v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
			}
			v.Str.Data = append(v.Str.Data, cutMark...)
		}
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
		b = rest
	}
	v.Rows = append(v.Rows, int32(v.Str.Len()))
}

// appendPath joins components that come leaf first, NUL-terminated.
func appendPath(dst []byte, r ref) []byte {
	if !r.present {
		return dst
	}
	switch {
	case r.flags&refCut != 0:
		dst = append(dst, cutMark+"/"...)
	case r.flags&refRelative == 0:
		dst = append(dst, '/')
	}
	b := bytes.TrimSuffix(r.bytes, []byte{0})
	for len(b) > 0 {
		i := bytes.LastIndexByte(b, 0)
		dst = appendEscaped(dst, b[i+1:])
		if i < 0 {
			break
		}
		dst = append(dst, '/')
		b = b[:i]
	}
	if r.flags&refDeleted != 0 {
		dst = append(dst, " (deleted)"...)
	}
	return dst
}

// containerOf finds the container's id in the path of a cgroup: the 64 hex digits that docker, containerd,
// CRI-O and podman put there, else the name after LXC's "lxc.payload.". components come leaf first.
func containerOf(components []byte) string {
	const digits = 64
	for _, name := range bytes.Split(components, []byte{0}) {
		run := 0
		for i, c := range name {
			if c >= '0' && c <= '9' || c >= 'a' && c <= 'f' {
				run++
			} else {
				run = 0
			}
			if run == digits {
				return string(name[i+1-digits : i+1])
			}
		}
		if after, ok := bytes.CutPrefix(name, []byte("lxc.payload.")); ok {
			return string(appendEscaped(nil, after))
		}
	}
	return ""
}

// appendEscaped adds a name that may be anything but NUL as UTF-8 without control characters: those, and
// bytes that are no UTF-8, become \xNN (C1 controls, being two bytes, two of them).
func appendEscaped(dst, name []byte) []byte {
	const hex = "0123456789abcdef"
	for i := 0; i < len(name); {
		if c := name[i]; c >= ' ' && c < 0x7f {
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(name[i:])
		if r == utf8.RuneError && size <= 1 || unicode.IsControl(r) {
			for _, c := range name[i : i+size] {
				dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
			}
		} else {
			dst = append(dst, name[i:i+size]...)
		}
		i += size
	}
	return dst
}
