// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"

	"github.com/fletch-trace/fletch/format"
)

// enum ref_flags of events.h.
const (
	refCut      = 1
	refDeleted  = 2
	refRelative = 4
	refSocket   = 8
	refUnix     = 16
)

// A ref is the data that a struct ref of events.h refers to. It is empty if that would be outside the record.
type ref struct {
	bytes   []byte
	present bool // false: the program left the member 0
	flags   uint16
	form    uint16 // of a text: enum text_form
}

// refAt resolves the struct ref at offset in rec.
func refAt(rec []byte, offset uintptr) ref {
	off := binary.NativeEndian.Uint16(rec[offset:])
	n := binary.NativeEndian.Uint16(rec[offset+2:])
	r := ref{present: off != 0, flags: binary.NativeEndian.Uint16(rec[offset+4:]),
		form: binary.NativeEndian.Uint16(rec[offset+6:])}
	if int(off)+int(n) <= len(rec) {
		r.bytes = rec[off : int(off)+int(n)]
	}
	return r
}

// cutMark stands for the missing part of truncated data.
const cutMark = "…"

// appendList appends a row to v, a column of lists, with the NUL-terminated strings of r. If r was truncated, the last
// element ends with cutMark.
func appendList(v *format.Vector, r ref) {
	for b := r.bytes; len(b) > 0; {
		arg, rest, terminated := bytes.Cut(b, []byte{0})
		v.Str.Data = appendEscaped(v.Str.Data, arg)
		if len(rest) == 0 && r.flags&refCut != 0 {
			if terminated { // it was truncated between two strings
				v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
			}
			v.Str.Data = append(v.Str.Data, cutMark...)
		}
		v.Str.Offsets = append(v.Str.Offsets, int32(len(v.Str.Data)))
		b = rest
	}
	v.Rows = append(v.Rows, int32(v.Str.Len()))
}

// appendPath appends a path to dst, as text. The components in r are NUL-terminated, leaf first. rec is the record.
func appendPath(dst []byte, r ref, rec []byte) []byte {
	if !r.present {
		return dst
	}
	switch {
	case r.flags&refSocket != 0:
		return appendSocket(dst, r.bytes, rec)
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

// containerOf returns the id of the container in the path of a cgroup, "" if there is none: 64 hex digits, as docker,
// containerd, CRI-O and podman name their cgroups, or the name behind LXC's "lxc.payload.". The components are
// NUL-terminated, leaf first.
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

// appendEscaped appends a name to dst as printable UTF-8. Each byte of a control character or of invalid UTF-8 becomes
// \xNN.
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
