// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

// What a codec can make of its input at most: a zstd block of 3 bytes and its
// one literal stands for 128 KiB, an LZ4 byte for 255.
const (
	zstdBlock = 128 << 10
	zstdRatio = zstdBlock / 4
	lz4Ratio  = 255
)

// padding is by how much a buffer may be longer than its rows need: other
// writers pad to 64 bytes.
const padding = 64

// readAhead is what is read of a message at first; a small one is there whole.
const readAhead = 16 << 10

// zstdSlack is room past the end that makes decoding quicker.
const zstdSlack = 64

// zstdDecoder decodes for all captures; it writes no further than the capacity given.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
})

// decoder decodes one record batch at a time, in memory that it keeps.
type decoder struct {
	header  batchHeader
	head    []byte // the first bytes of the message
	scratch []byte // a buffer as it is in the file
	prefix  [8]byte

	r      io.ReaderAt
	body   int64  // offset of the body
	ahead  []byte // what head has of the body
	budget int64  // bytes that may still be decoded
}

var decoders = sync.Pool{New: func() any { return &decoder{} }}

// release gives d, taken from decoders, back.
func (d *decoder) release() {
	d.r, d.ahead = nil, nil
	decoders.Put(d)
}

// decode reads the message at loc into dst, which has the shape of the columns
// of its schema; where[i] is where dst.Columns[i] is. A false claim in the
// message, or a buffer that does not decode, is an error.
func (d *decoder) decode(r io.ReaderAt, loc location, where []layout, dst *Batch) error {
	d.head = grow(d.head, int(min(int64(loc.metadata)+loc.body, max(int64(loc.metadata), readAhead))))
	if err := readFull(r, d.head, loc.offset); err != nil {
		return err
	}
	if err := parseBatch(&flatbuffer{b: d.head[8:loc.metadata]}, &d.header); err != nil {
		return err
	}
	if d.header.body != loc.body {
		return errors.New("body of another length")
	}
	d.r, d.body, d.ahead, d.budget = r, loc.offset+int64(loc.metadata), d.head[loc.metadata:], MaxBatchBytes
	dst.Rows = d.header.rows
	for i := range dst.Columns {
		if err := d.column(&dst.Columns[i], where[i]); err != nil {
			return fmt.Errorf("column %s: %w", dst.Schema.Columns[i].Name, err)
		}
	}
	return nil
}

func (d *decoder) column(v *Vector, at layout) (err error) {
	rows := d.header.rows
	if err := d.node(at.node, rows); err != nil {
		return err
	}
	switch v.Type {
	case Int32:
		v.I32, err = fixed(d, v.I32, at.buffer+1, rows)
	case Int64, Timestamp:
		v.I64, err = fixed(d, v.I64, at.buffer+1, rows)
	case String:
		err = d.strings(&v.Str, at.buffer+1, rows)
	case StringList:
		if v.Rows, err = d.offsets(v.Rows, at.buffer+1, rows); err != nil {
			return err
		}
		// The child has as many rows as it says, its parent may use fewer.
		if at.node+1 >= len(d.header.nodes) {
			return errors.New("node missing")
		}
		elements := d.header.nodes[at.node+1].rows
		if elements < int64(v.Rows[rows]) || elements > MaxBatchBytes/4 {
			return fmt.Errorf("%d elements, %d used", elements, v.Rows[rows])
		}
		if err := d.node(at.node+1, int(elements)); err != nil {
			return err
		}
		err = d.strings(&v.Str, at.buffer+3, int(elements))
	}
	return err
}

// node returns an error unless node i has n rows and none of them is null. Is
// none null, then the validity buffer need not be looked at.
func (d *decoder) node(i, n int) error {
	if i >= len(d.header.nodes) {
		return errors.New("node missing")
	}
	if has := d.header.nodes[i]; has.rows != int64(n) || has.nulls != 0 {
		return fmt.Errorf("%d rows with %d nulls, not %d with none", has.rows, has.nulls, n)
	}
	return nil
}

// strings reads n texts from buffers i (offsets) and i+1 (bytes).
func (d *decoder) strings(s *Strings, i, n int) (err error) {
	if s.Offsets, err = d.offsets(s.Offsets, i, n); err != nil {
		return err
	}
	s.Data, err = d.buffer(s.Data, i+1, int64(s.Offsets[n]), MaxBatchBytes)
	if err != nil {
		return err
	}
	return s.check()
}

// offsets reads n+1 ascending offsets from buffer i; for no rows there may be none.
func (d *decoder) offsets(v []int32, i, n int) (_ []int32, err error) {
	if n == 0 {
		return append(v[:0], 0), nil
	}
	if v, err = fixed(d, v, i, n+1); err != nil {
		return v, err
	}
	return v, checkOffsets(v, MaxBatchBytes)
}

// buffer reads the first need bytes of buffer i into dst, if it has them and no
// more than most, and returns dst or, where that is too small, new memory
// aligned to 8 bytes.
func (d *decoder) buffer(dst []byte, i int, need, most int64) ([]byte, error) {
	if i >= len(d.header.buffers) {
		return dst, errors.New("buffer missing")
	}
	at := d.header.buffers[i]
	if need == 0 {
		return dst[:0], nil
	}
	size, raw := at.length, true
	if d.header.codec != None {
		if at.length < 8 {
			return dst, fmt.Errorf("buffer %d: %d bytes, less than a prefix", i, at.length)
		}
		if err := d.read(d.prefix[:], at.offset); err != nil {
			return dst, err
		}
		at.offset, at.length = at.offset+8, at.length-8
		size = int64(binary.LittleEndian.Uint64(d.prefix[:]))
		if raw = size == -1; raw {
			size = at.length
		}
	}
	if size < need || size > most {
		return dst, fmt.Errorf("buffer %d: %d bytes, not %d", i, size, need)
	}
	if raw {
		size = need
	}
	if d.budget -= size; d.budget < 0 {
		return dst, fmt.Errorf("batch of more than %d bytes", MaxBatchBytes)
	}
	if raw {
		dst = grow(dst, int(size))
		return dst, d.read(dst, at.offset)
	}
	// Nothing is allocated for what the compressed bytes cannot become, nor for
	// more compressed bytes than any encoder makes of this size.
	ratio := int64(zstdRatio)
	if d.header.codec == LZ4 {
		ratio = lz4Ratio
	}
	if size > at.length*ratio || at.length > size+size/64+1024 {
		return dst, fmt.Errorf("buffer %d: %d bytes of %v cannot be %d", i, at.length, d.header.codec, size)
	}
	src, err := d.bytes(at)
	if err != nil {
		return dst, err
	}
	dst = grow(dst, int(size))
	if err := d.decompress(dst, src); err != nil {
		return dst, fmt.Errorf("buffer %d: decoding %v: %w", i, d.header.codec, err)
	}
	return dst[:need], nil
}

// decompress decodes src into dst, which it must fill exactly.
func (d *decoder) decompress(dst, src []byte) error {
	if d.header.codec == LZ4 {
		return decodeLZ4(dst, src)
	}
	z, err := zstdDecoder()
	if err != nil {
		return err
	}
	out, err := z.DecodeAll(src, dst[:0])
	if err != nil {
		return err
	}
	if len(out) != len(dst) {
		return fmt.Errorf("%d bytes, not %d", len(out), len(dst))
	}
	if &out[0] != &dst[0] {
		copy(dst, out)
	}
	return nil
}

// bytes returns a stretch of the body, valid until the next call.
func (d *decoder) bytes(at extent) ([]byte, error) {
	if at.offset+at.length <= int64(len(d.ahead)) {
		return d.ahead[at.offset : at.offset+at.length], nil
	}
	d.scratch = grow(d.scratch, int(at.length))
	return d.scratch, d.read(d.scratch, at.offset)
}

// read fills p from the body.
func (d *decoder) read(p []byte, offset int64) error {
	if offset+int64(len(p)) <= int64(len(d.ahead)) {
		copy(p, d.ahead[offset:])
		return nil
	}
	return readFull(d.r, p, d.body+offset)
}

// fixed reads n numbers from buffer i.
func fixed[T int32 | int64](d *decoder, v []T, i, n int) ([]T, error) {
	size := int(unsafe.Sizeof(T(0)))
	b, err := d.buffer(bytesOf(v[:cap(v)])[:0], i, int64(n*size), int64(n*size)+padding)
	if err != nil {
		return v[:0], err
	}
	if cap(b) == cap(v)*size {
		return v[:n], nil
	}
	// A new slice, which buffer made large enough for whole numbers and aligned.
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), cap(b)/size)[:n], nil
}

// grow returns b with length n, in new memory if it must. What b held is lost.
func grow(b []byte, n int) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	words := make([]int64, (n+zstdSlack+7)/8)
	return bytesOf(words)[:n]
}

// readFull fills p from offset.
func readFull(r io.ReaderAt, p []byte, offset int64) error {
	n, err := r.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
