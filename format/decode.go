// SPDX-License-Identifier: Apache-2.0

package format

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"unsafe"

	"github.com/klauspost/compress/zstd"
)

// The greatest compression that a codec can reach: a zstd block of 3 bytes and one
// literal decodes to 128 KiB, an LZ4 byte to 255.
const (
	zstdBlock = 128 << 10
	zstdRatio = zstdBlock / 4
	lz4Ratio  = 255
)

// maxPadding is by how many bytes a buffer may be longer than its rows need: other
// writers pad to 64 bytes.
const maxPadding = 64

// readAhead is how many bytes of a message are read at first, so that a small
// message takes one read.
const readAhead = 16 << 10

// zstdSlack is spare capacity behind a buffer, in bytes, with which zstd decodes faster.
const zstdSlack = 64

// zstdDecoder is shared by all captures. It never writes beyond the given capacity.
var zstdDecoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true))
})

// decoder decodes one record batch at a time, with memory that it reuses.
type decoder struct {
	header  batchHeader
	head    []byte // the first bytes of the message
	scratch []byte // a buffer as it is in the file
	prefix  [8]byte
	rows    []int32 // that a block keeps

	r     io.ReaderAt
	body  int64  // offset of the body
	ahead []byte // the beginning of the body, as far as it is in head
	limit int64  // bytes that a batch may have
	left  int64  // of limit
	large func() // called once when a batch turns out to be large; nil: not of interest
}

// largeBatch is how many decoded bytes make a batch large, where this is not more than
// half of what one may have. record writes none as large.
const largeBatch = 8 << 20

var decoders = sync.Pool{New: func() any { return &decoder{} }}

// release returns d to decoders.
func (d *decoder) release() {
	d.r, d.ahead, d.large = nil, nil, nil
	if cap(d.scratch) > largeBatch {
		d.scratch = nil
	}
	decoders.Put(d)
}

// decode reads the message at loc into dst, whose columns have the types of its
// schema; layouts[i] says which buffers of the message are dst.Columns[i]. Columns
// without a layout stay empty. It returns an error if the message contradicts itself,
// a buffer cannot be decoded, or they all take more than limit bytes: ErrTooLarge, if
// they are a batch nevertheless. 0 is MaxBatchBytes.
func (d *decoder) decode(r io.ReaderAt, loc location, layouts []layout, dst *Batch, limit int64) error {
	d.head = grow(d.head, int(min(int64(loc.metadata)+loc.body, max(int64(loc.metadata), readAhead))))
	if err := readFull(r, d.head, loc.offset); err != nil {
		return err
	}
	if err := parseBatch(&flatbuffer{b: d.head[8:loc.metadata]}, &d.header); err != nil {
		return err
	}
	if d.header.body != loc.body {
		return fmt.Errorf("body of %d bytes, not %d", d.header.body, loc.body)
	}
	d.r, d.body, d.ahead = r, loc.offset+int64(loc.metadata), d.head[loc.metadata:]
	d.limit = cmp.Or(limit, MaxBatchBytes)
	d.left = d.limit
	dst.Rows = d.header.rows
	for i := range layouts {
		if err := d.column(&dst.Columns[i], layouts[i]); err != nil {
			return fmt.Errorf("column %s: %w", dst.Schema.Columns[i].Name, err)
		}
	}
	return nil
}

// column decodes the column at this layout into v.
func (d *decoder) column(v *Vector, at layout) (err error) {
	rows := d.header.rows
	if err := d.node(at.node, rows); err != nil {
		return err
	}
	switch v.Type {
	case Int32:
		v.I32, err = readIntegers(d, v.I32, at.buffer+1, rows)
	case Int64, Timestamp:
		v.I64, err = readIntegers(d, v.I64, at.buffer+1, rows)
	case String:
		err = d.strings(&v.Str, at.buffer+1, rows)
	case StringList:
		if v.Rows, err = d.offsets(v.Rows, at.buffer+1, rows); err != nil {
			return err
		}
		// The child may have more rows than the parent refers to.
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
		if err = d.strings(&v.Str, at.buffer+3, int(elements)); err == nil {
			err = v.checkLists()
		}
	}
	return err
}

// node returns an error unless node i has n rows of which none is null, so that its
// validity buffer can be ignored.
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

// offsets reads n+1 ascending offsets from buffer i, which may be empty if n is 0.
func (d *decoder) offsets(v []int32, i, n int) (_ []int32, err error) {
	if n == 0 {
		return append(v[:0], 0), nil
	}
	if v, err = readIntegers(d, v, i, n+1); err != nil {
		return v, err
	}
	return v, checkOffsets(v, MaxBatchBytes)
}

// buffer reads the first need bytes of buffer i, whose length without compression
// must be from need to limit. It returns them in dst or, if that is too small, in
// new memory that is aligned to 8 bytes.
func (d *decoder) buffer(dst []byte, i int, need, limit int64) ([]byte, error) {
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
	if size < need || size > limit {
		return dst, fmt.Errorf("buffer %d: %d bytes, not %d", i, size, need)
	}
	if raw {
		size = need
	}
	if d.left -= size; d.left < 0 {
		if d.limit < MaxBatchBytes {
			return dst, ErrTooLarge
		}
		return dst, fmt.Errorf("batch of more than %d bytes", MaxBatchBytes)
	}
	if d.large != nil && d.limit-d.left > min(largeBatch, d.limit/2) {
		d.large()
		d.large = nil
	}
	if raw {
		dst = grow(dst, int(size))
		return dst, d.read(dst, at.offset)
	}
	if !d.header.codec.canBe(at.length, size) { // before anything is allocated
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

// canBe reports whether so many compressed bytes can decode to size, and an encoder may
// make so many of it.
func (c Codec) canBe(compressed, size int64) bool {
	ratio := int64(zstdRatio)
	if c == LZ4 {
		ratio = lz4Ratio
	}
	return size <= compressed*ratio && compressed <= size+size/64+1024
}

// decompress decodes src into dst. It is an error if that does not fill dst exactly.
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

// bytes returns a part of the body, valid until the next call.
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

// readIntegers reads n numbers from buffer i.
func readIntegers[T int32 | int64](d *decoder, v []T, i, n int) ([]T, error) {
	size := int(unsafe.Sizeof(T(0)))
	b, err := d.buffer(bytesOf(v[:cap(v)])[:0], i, int64(n*size), int64(n*size)+maxPadding)
	if err != nil {
		return v[:0], err
	}
	if cap(b) == cap(v)*size {
		return v[:n], nil
	}
	// It is new memory, which grow aligned to 8 bytes for a slice of T.
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), cap(b)/size)[:n], nil
}

// grow returns b with length n, if needed in new memory that is aligned to 8 bytes.
// The content is undefined.
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
