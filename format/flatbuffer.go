// SPDX-License-Identifier: Apache-2.0

package format

import "encoding/binary"

// flatbuffer reads an untrusted flatbuffer. An offset that points outside of it sets
// invalid, and reads as zero.
type flatbuffer struct {
	b       []byte
	invalid bool
}

// bytesAt returns the n bytes at pos, nil if the flatbuffer does not have them all.
func (f *flatbuffer) bytesAt(pos, n int) []byte {
	if pos < 0 || n < 0 || pos > len(f.b)-n {
		f.invalid = true
		return nil
	}
	return f.b[pos : pos+n]
}

func (f *flatbuffer) u16(pos int) uint16 {
	if p := f.bytesAt(pos, 2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (f *flatbuffer) u32(pos int) uint32 {
	if p := f.bytesAt(pos, 4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (f *flatbuffer) i32(pos int) int32 { return int32(f.u32(pos)) }

func (f *flatbuffer) i64(pos int) int64 {
	if p := f.bytesAt(pos, 8); p != nil {
		return int64(binary.LittleEndian.Uint64(p))
	}
	return 0
}

// follow returns the position that the offset stored at pos points to.
func (f *flatbuffer) follow(pos int) int { return pos + int(f.u32(pos)) }

func (f *flatbuffer) root() flatTable { return f.table(f.follow(0)) }

// table returns the table at pos.
func (f *flatbuffer) table(pos int) flatTable {
	v := pos - int(int32(f.u32(pos)))
	vtable := f.bytesAt(v, int(f.u16(v)))
	if f.invalid || len(vtable) < 4 {
		f.invalid = true
		return flatTable{f: f}
	}
	return flatTable{f, pos, vtable}
}

// flatTable is a table in a flatbuffer. The zero value is an absent table, whose
// fields are all absent.
type flatTable struct {
	f      *flatbuffer
	pos    int
	vtable []byte
}

// field returns the position of a field, 0 if the table does not have it.
func (t flatTable) field(slot int) int {
	i := 4 + 2*slot
	if i+2 > len(t.vtable) {
		return 0
	}
	offset := int(binary.LittleEndian.Uint16(t.vtable[i:]))
	if offset == 0 {
		return 0
	}
	return t.pos + offset
}

func (t flatTable) u8(slot int) uint8 {
	if pos := t.field(slot); pos != 0 {
		if p := t.f.bytesAt(pos, 1); p != nil {
			return p[0]
		}
	}
	return 0
}

func (t flatTable) i16(slot int) int16 {
	if pos := t.field(slot); pos != 0 {
		return int16(t.f.u16(pos))
	}
	return 0
}

func (t flatTable) i32(slot int) int32 {
	if pos := t.field(slot); pos != 0 {
		return int32(t.f.u32(pos))
	}
	return 0
}

func (t flatTable) i64(slot int) int64 {
	if pos := t.field(slot); pos != 0 {
		return t.f.i64(pos)
	}
	return 0
}

// table returns the table that a field points to.
func (t flatTable) table(slot int) flatTable {
	if pos := t.field(slot); pos != 0 {
		return t.f.table(t.f.follow(pos))
	}
	return flatTable{f: t.f}
}

// vector returns the position and the length of the vector that a field points to,
// whose elements have size bytes and all lie within the flatbuffer.
func (t flatTable) vector(slot, size int) (pos, n int) {
	field := t.field(slot)
	if field == 0 {
		return 0, 0
	}
	pos = t.f.follow(field)
	n = int(t.f.u32(pos))
	pos += 4
	if n < 0 || n > len(t.f.b)/size || t.f.bytesAt(pos, n*size) == nil {
		t.f.invalid = true
		return 0, 0
	}
	return pos, n
}

// text returns the string that a field points to, which shares the flatbuffer's memory.
func (t flatTable) text(slot int) []byte {
	pos, n := t.vector(slot, 1)
	return t.f.b[pos : pos+n]
}
