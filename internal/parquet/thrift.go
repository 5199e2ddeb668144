// SPDX-License-Identifier: Apache-2.0

package parquet

import "encoding/binary"

// thrift writes structs in Thrift's compact protocol, in which the metadata of a file is written. See
// https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
type thrift struct {
	b     []byte
	last  int16   // id of the last field of the struct that is being written
	outer []int16 // last of the structs around it
}

// The types of fields and elements.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftBinary = 8
	thriftList   = 9
	thriftStruct = 12
)

func (t *thrift) uvarint(v uint64) { t.b = binary.AppendUvarint(t.b, v) }

func (t *thrift) zigzag(v int64) { t.b = binary.AppendVarint(t.b, v) }

// field begins a field; ids ascend within a struct.
func (t *thrift) field(id int16, kind byte) {
	if delta := id - t.last; delta <= 15 {
		t.b = append(t.b, byte(delta)<<4|kind)
	} else {
		t.b = append(t.b, kind)
		t.zigzag(int64(id))
	}
	t.last = id
}

func (t *thrift) i32(id int16, v int32) { t.field(id, thriftI32); t.zigzag(int64(v)) }

func (t *thrift) i64(id int16, v int64) { t.field(id, thriftI64); t.zigzag(v) }

func (t *thrift) bool(id int16, v bool) {
	if v {
		t.field(id, thriftTrue)
	} else {
		t.field(id, thriftFalse)
	}
}

func (t *thrift) binary(id int16, v string) { t.field(id, thriftBinary); t.text(v) }

// text writes a binary or a string without the header of a field, as an element of a list.
func (t *thrift) text(v string) {
	t.uvarint(uint64(len(v)))
	t.b = append(t.b, v...)
}

// flag writes a bool that is an element of a list.
func (t *thrift) flag(v bool) {
	if v {
		t.b = append(t.b, thriftTrue)
	} else {
		t.b = append(t.b, thriftFalse)
	}
}

// list begins a field that is a list of n elements of a type.
func (t *thrift) list(id int16, n int, kind byte) {
	t.field(id, thriftList)
	if n < 15 {
		t.b = append(t.b, byte(n)<<4|kind)
		return
	}
	t.b = append(t.b, 15<<4|kind)
	t.uvarint(uint64(n))
}

// structure writes a struct that is a field.
func (t *thrift) structure(id int16, fields func()) {
	t.field(id, thriftStruct)
	t.element(fields)
}

// element writes a struct that is an element of a list, or the outermost one.
func (t *thrift) element(fields func()) {
	t.outer = append(t.outer, t.last)
	t.last = 0
	fields()
	t.b = append(t.b, 0)
	t.last = t.outer[len(t.outer)-1]
	t.outer = t.outer[:len(t.outer)-1]
}
