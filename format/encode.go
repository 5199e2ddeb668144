// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"unsafe"

	flatbuffers "github.com/google/flatbuffers/go"
	kzstd "github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/fletch-trace/fletch/internal/zstd"
)

// encoder encodes the messages of one table, into memory that it reuses.
type encoder struct {
	schema   *Schema
	metadata []string // of the schema: alternating keys and values
	builder  *flatbuffers.Builder
	header   batchHeader
	headroom int            // bytes in front of the body for prefix and metadata, enough for any batch
	buf      []byte         // the headroom and the body
	columns  *columnEncoder // only while a batch is encoded with zstd
	texts    *kzstd.Encoder // for the bytes of texts
	lz4      *lz4.Compressor
}

// columnEncoder has what it takes to compress the columns of one batch with zstd.
type columnEncoder struct {
	integers *zstd.Encoder
	rowOrder
}

// columnEncoders is shared by all tables, because a columnEncoder takes two
// megabytes: there are as many as batches are encoded at the same time.
var columnEncoders = sync.Pool{New: func() any { return &columnEncoder{integers: zstd.New()} }}

func newEncoder(s *Schema, pairs []string) *encoder {
	e := &encoder{schema: s, metadata: pairs, builder: flatbuffers.NewBuilder(1024)}
	// A flatbuffer omits fields that are zero, so the metadata is longest if none is.
	h := batchHeader{rows: MaxRows, codec: Zstd, body: MaxBatchBytes,
		hasTimeRange: s.Index("ts") >= 0, minTS: math.MinInt64, maxTS: math.MinInt64}
	for _, c := range s.Columns {
		nodes, buffers := 1, 2
		switch c.Type {
		case String:
			buffers = 3
		case StringList:
			nodes, buffers = 2, 5
		}
		h.nodes = append(h.nodes, make([]node, nodes)...)
		h.buffers = append(h.buffers, make([]extent, buffers)...)
	}
	e.headroom = 8 + align(len(buildBatch(e.builder, &h))) + 64
	return e
}

// align rounds up to a multiple of 8, to which everything in a segment is aligned.
func align(n int) int { return (n + 7) &^ 7 }

// start returns the beginning of a segment: the magic and the schema message.
func (e *encoder) start() []byte {
	e.builder.Reset()
	schema := buildSchema(e.builder, e.schema, e.metadata)
	metadata := finishMessage(e.builder, headerSchema, schema, 0, 0)
	b := append(make([]byte, 0, 16+align(len(metadata))), magic+"\x00\x00"...)
	return appendMetadata(b, metadata)
}

// end returns the end of a segment: the end-of-stream marker, the footer, the magic.
func (e *encoder) end(batches []location) []byte {
	footer := buildFooter(e.builder, e.schema, e.metadata, batches)
	b := make([]byte, 0, 8+len(footer)+4+len(magic))
	b = binary.LittleEndian.AppendUint32(b, continuation)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = append(b, footer...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(footer)))
	return append(b, magic...)
}

// batch returns the message of b, valid until the next call, and the length of
// its prefix and metadata. b must have passed check.
func (e *encoder) batch(b *Batch, codec Codec) (message []byte, metadata int, err error) {
	if err := e.prepare(codec); err != nil {
		return nil, 0, err
	}
	h := &e.header
	h.rows, h.codec = b.Rows, codec
	h.nodes, h.buffers = h.nodes[:0], h.buffers[:0]
	h.minTS, h.maxTS, h.hasTimeRange = b.timeRange()
	if cap(e.buf) < e.headroom {
		e.buf = make([]byte, e.headroom)
	}
	e.buf = e.buf[:e.headroom]
	grouped := e.columns != nil && len(b.Schema.GroupBy) > 0
	if grouped {
		e.columns.sortRows(b)
	}
	for i := range b.Columns {
		v := &b.Columns[i]
		if grouped {
			v = e.columns.reorder(v)
		}
		h.nodes = append(h.nodes, node{rows: int64(b.Rows)})
		e.buffer(nil) // no validity bitmap, since nothing is null
		switch v.Type {
		case Int32:
			integers(e, v.I32)
		case Int64, Timestamp:
			integers(e, v.I64)
		case String:
			e.strings(&v.Str)
		case StringList:
			integers(e, v.Rows)
			h.nodes = append(h.nodes, node{rows: int64(v.Str.Len())})
			e.buffer(nil)
			e.strings(&v.Str)
		}
	}
	if e.columns != nil {
		columnEncoders.Put(e.columns)
		e.columns = nil
	}
	h.body = int64(len(e.buf) - e.headroom)
	meta := buildBatch(e.builder, h)
	metadata = 8 + align(len(meta))
	start := e.headroom - metadata
	appendMetadata(e.buf[start:start], meta)
	return e.buf[start:], metadata, nil
}

// prepare makes the compressors of the codec, unless they exist.
func (e *encoder) prepare(codec Codec) (err error) {
	switch {
	case codec > Zstd:
		return fmt.Errorf("unknown %v", codec)
	case codec == Zstd:
		e.columns = columnEncoders.Get().(*columnEncoder)
		if e.texts == nil && e.hasTexts() {
			// With the checksum readers notice a page that never reached the disk.
			e.texts, err = kzstd.NewWriter(nil,
				kzstd.WithEncoderLevel(kzstd.SpeedFastest), kzstd.WithEncoderConcurrency(1),
				kzstd.WithLowerEncoderMem(true), kzstd.WithEncoderCRC(true))
		}
	case codec == LZ4 && e.lz4 == nil:
		e.lz4 = &lz4.Compressor{}
	}
	return err
}

func (e *encoder) hasTexts() bool {
	text := func(c Column) bool { return c.Type == String || c.Type == StringList }
	return slices.ContainsFunc(e.schema.Columns, text)
}

func (e *encoder) strings(s *Strings) {
	integers(e, s.Offsets)
	e.buffer(s.Data[:s.Offsets[len(s.Offsets)-1]])
}

// buffer appends one buffer to the body. A compressed buffer begins with its length
// before compression.
func (e *encoder) buffer(src []byte) {
	start := len(e.buf)
	if len(src) > 0 && e.header.codec != None {
		e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(len(src)))
	}
	switch {
	case len(src) == 0:
	case e.header.codec == None:
		e.buf = append(e.buf, src...)
	case e.header.codec == LZ4:
		e.buf = appendLZ4(e.buf, src, e.lz4)
	default:
		e.buf = e.texts.EncodeAll(src, e.buf)
	}
	e.endBuffer(start)
}

// endBuffer ends the buffer that began at start of buf.
func (e *encoder) endBuffer(start int) {
	length := len(e.buf) - start
	e.header.buffers = append(e.header.buffers, extent{int64(start - e.headroom), int64(length)})
	e.buf = append(e.buf, zeros[:align(length)-length]...)
}

// appendMetadata appends the prefix and the metadata of a message.
func appendMetadata(b, metadata []byte) []byte {
	n := align(len(metadata))
	b = binary.LittleEndian.AppendUint32(b, continuation)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	b = append(b, metadata...)
	return append(b, zeros[:n-len(metadata)]...)
}

var zeros [8]byte

// integers appends the buffer of a column of integers.
func integers[T int32 | int64](e *encoder, column []T) {
	if e.columns == nil || len(column) == 0 {
		e.buffer(bytesOf(column))
		return
	}
	start := len(e.buf)
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(len(bytesOf(column))))
	e.buf = zstd.Append(e.columns.integers, e.buf, column)
	e.endBuffer(start)
}

// bytesOf returns the memory of s, which has Arrow's layout on a little-endian machine.
func bytesOf[T int32 | int64](s []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(T(0))))
}

// littleEndian reports whether bytesOf has Arrow's layout. It does on every machine
// that fletch is built for; on others Create and Open return errors.ErrUnsupported.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
