// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	flatbuffers "github.com/google/flatbuffers/go"
)

// The parts of Arrow's IPC metadata (Message.fbs, Schema.fbs, File.fbs) that
// captures use: field numbers of its tables, values of its enums and unions.
const (
	magic        = "ARROW1"
	continuation = 0xFFFFFFFF // begins each message

	metadataV4 = 3
	metadataV5 = 4

	// Message
	messageVersion    = 0
	messageHeaderType = 1
	messageHeader     = 2
	messageBodyLength = 3
	messageMetadata   = 4

	headerSchema      = 1
	headerRecordBatch = 3

	// Schema
	schemaEndianness = 0
	schemaFields     = 1
	schemaMetadata   = 2

	// Field
	fieldName       = 0
	fieldTypeType   = 2
	fieldType       = 3
	fieldDictionary = 4
	fieldChildren   = 5

	// Type, a union, and its tables
	typeNull            = 1
	typeInt             = 2
	typeFloat           = 3
	typeBinary          = 4
	typeUtf8            = 5
	typeBool            = 6
	typeDecimal         = 7
	typeDate            = 8
	typeTime            = 9
	typeTimestamp       = 10
	typeInterval        = 11
	typeList            = 12
	typeStruct          = 13
	typeFixedSizeBinary = 15
	typeFixedSizeList   = 16
	typeMap             = 17
	typeDuration        = 18
	typeLargeBinary     = 19
	typeLargeUtf8       = 20
	typeLargeList       = 21

	intBitWidth       = 0
	intSigned         = 1
	timestampUnit     = 0
	timestampTimezone = 1
	unitNanosecond    = 3

	// KeyValue
	keyValueKey   = 0
	keyValueValue = 1

	// RecordBatch
	batchLength      = 0
	batchNodes       = 1 // structs {length, null count int64}
	batchBuffers     = 2 // structs {offset, length int64}
	batchCompression = 3

	// BodyCompression
	compressionCodec  = 0 // CompressionType: LZ4_FRAME 0, ZSTD 1
	compressionMethod = 1 // BodyCompressionMethod: BUFFER 0

	// Footer
	footerVersion      = 0
	footerSchema       = 1
	footerDictionaries = 2
	footerBatches      = 3 // structs {offset int64, metadata length int32, 4 bytes, body length int64}

	nodeSize        = 16
	bufferSize      = 16
	footerBlockSize = 24
)

// Limits on metadata, far beyond what honest files have.
const (
	maxMetadata = 1 << 20 // bytes of a message's metadata
	maxFooter   = 1 << 26 // bytes of a footer
	maxFields   = 1 << 12 // fields of a schema, nested ones too
	maxDepth    = 8       // nesting of fields
	maxValue    = 1 << 10 // bytes of a value of the schema's metadata
)

// extent is a stretch of a message's body.
type extent struct{ offset, length int64 }

// location says where a message is in its segment.
type location struct {
	offset   int64 // of its prefix
	metadata int32 // length of prefix and metadata
	body     int64 // length
}

// node is what a record batch says of one field: its rows, none of them null.
type node struct{ rows, nulls int64 }

// buildKeyValues returns a [KeyValue] of alternating keys and values.
func buildKeyValues(f *flatbuffers.Builder, pairs ...string) flatbuffers.UOffsetT {
	offsets := make([]flatbuffers.UOffsetT, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		k, v := f.CreateString(pairs[i]), f.CreateString(pairs[i+1])
		offsets = append(offsets, buildKeyValue(f, k, v))
	}
	return f.CreateVectorOfTables(offsets)
}

func buildKeyValue(f *flatbuffers.Builder, k, v flatbuffers.UOffsetT) flatbuffers.UOffsetT {
	f.StartObject(2)
	f.PrependUOffsetTSlot(keyValueKey, k, 0)
	f.PrependUOffsetTSlot(keyValueValue, v, 0)
	return f.EndObject()
}

// buildSchema returns a Schema with the metadata pairs.
func buildSchema(f *flatbuffers.Builder, s *Schema, pairs []string) flatbuffers.UOffsetT {
	metadata := buildKeyValues(f, pairs...)
	fields := make([]flatbuffers.UOffsetT, 0, len(s.Columns))
	for _, c := range s.Columns {
		fields = append(fields, buildField(f, c))
	}
	vector := f.CreateVectorOfTables(fields)
	f.StartObject(4)
	f.PrependUOffsetTSlot(schemaFields, vector, 0)
	f.PrependUOffsetTSlot(schemaMetadata, metadata, 0)
	return f.EndObject()
}

func buildField(f *flatbuffers.Builder, c Column) flatbuffers.UOffsetT {
	var children, typ flatbuffers.UOffsetT
	var tag byte
	if c.Type == StringList {
		children = f.CreateVectorOfTables([]flatbuffers.UOffsetT{buildField(f, Column{"item", String})})
	} else {
		// Readers want the vector of children even where it is empty.
		children = f.CreateVectorOfTables(nil)
	}
	name := f.CreateString(c.Name)
	switch c.Type {
	case Int32, Int64:
		tag = typeInt
		width := int32(32)
		if c.Type == Int64 {
			width = 64
		}
		f.StartObject(2)
		f.PrependInt32Slot(intBitWidth, width, 0)
		f.PrependBoolSlot(intSigned, true, false)
		typ = f.EndObject()
	case Timestamp:
		tag = typeTimestamp
		utc := f.CreateString("UTC")
		f.StartObject(2)
		f.PrependInt16Slot(timestampUnit, unitNanosecond, 0)
		f.PrependUOffsetTSlot(timestampTimezone, utc, 0)
		typ = f.EndObject()
	case String:
		tag = typeUtf8
		f.StartObject(0)
		typ = f.EndObject()
	case StringList:
		tag = typeList
		f.StartObject(0)
		typ = f.EndObject()
	}
	f.StartObject(7)
	f.PrependUOffsetTSlot(fieldName, name, 0)
	f.PrependByteSlot(fieldTypeType, tag, 0)
	f.PrependUOffsetTSlot(fieldType, typ, 0)
	f.PrependUOffsetTSlot(fieldChildren, children, 0)
	return f.EndObject()
}

// finishMessage makes a Message of the header and returns its bytes.
func finishMessage(f *flatbuffers.Builder, kind byte, header, metadata flatbuffers.UOffsetT, body int64) []byte {
	f.StartObject(5)
	f.PrependInt64Slot(messageBodyLength, body, 0)
	f.PrependUOffsetTSlot(messageHeader, header, 0)
	f.PrependUOffsetTSlot(messageMetadata, metadata, 0)
	f.PrependInt16Slot(messageVersion, metadataV5, 0)
	f.PrependByteSlot(messageHeaderType, kind, 0)
	f.Finish(f.EndObject())
	return f.FinishedBytes()
}

// batchHeader is the metadata of a record batch message.
type batchHeader struct {
	rows         int
	nodes        []node
	buffers      []extent
	codec        Codec
	body         int64
	hasTimeRange bool // lo and hi are the least and greatest ts
	minTS, maxTS int64
}

// buildBatch returns the Message of a record batch. It allocates nothing once
// the builder has grown.
func buildBatch(f *flatbuffers.Builder, h *batchHeader) []byte {
	f.Reset()
	var metadata flatbuffers.UOffsetT
	if h.hasTimeRange {
		var digits [20]byte
		hi := f.CreateByteString(strconv.AppendInt(digits[:0], h.maxTS, 10))
		hi = buildKeyValue(f, f.CreateString("ts_max"), hi)
		lo := f.CreateByteString(strconv.AppendInt(digits[:0], h.minTS, 10))
		lo = buildKeyValue(f, f.CreateString("ts_min"), lo)
		f.StartVector(4, 2, 4)
		f.PrependUOffsetT(hi)
		f.PrependUOffsetT(lo)
		metadata = f.EndVector(2)
	}
	var compression flatbuffers.UOffsetT
	if h.codec != None {
		f.StartObject(2)
		if h.codec == Zstd {
			f.PrependByteSlot(compressionCodec, 1, 0)
		}
		compression = f.EndObject()
	}
	f.StartVector(bufferSize, len(h.buffers), 8)
	for i := len(h.buffers) - 1; i >= 0; i-- {
		f.Prep(8, bufferSize)
		f.PrependInt64(h.buffers[i].length)
		f.PrependInt64(h.buffers[i].offset)
	}
	buffers := f.EndVector(len(h.buffers))
	f.StartVector(nodeSize, len(h.nodes), 8)
	for i := len(h.nodes) - 1; i >= 0; i-- {
		f.Prep(8, nodeSize)
		f.PrependInt64(h.nodes[i].nulls)
		f.PrependInt64(h.nodes[i].rows)
	}
	nodes := f.EndVector(len(h.nodes))
	f.StartObject(5)
	f.PrependInt64Slot(batchLength, int64(h.rows), 0)
	f.PrependUOffsetTSlot(batchNodes, nodes, 0)
	f.PrependUOffsetTSlot(batchBuffers, buffers, 0)
	f.PrependUOffsetTSlot(batchCompression, compression, 0)
	return finishMessage(f, headerRecordBatch, f.EndObject(), metadata, h.body)
}

// buildFooter returns the Footer of a segment.
func buildFooter(f *flatbuffers.Builder, s *Schema, pairs []string, batches []location) []byte {
	f.Reset()
	schema := buildSchema(f, s, pairs)
	f.StartVector(footerBlockSize, len(batches), 8)
	for i := len(batches) - 1; i >= 0; i-- {
		f.Prep(8, footerBlockSize)
		f.PrependInt64(batches[i].body)
		f.Pad(4)
		f.PrependInt32(batches[i].metadata)
		f.PrependInt64(batches[i].offset)
	}
	vector := f.EndVector(len(batches))
	f.StartVector(footerBlockSize, 0, 8)
	dictionaries := f.EndVector(0)
	f.StartObject(5)
	f.PrependUOffsetTSlot(footerSchema, schema, 0)
	f.PrependUOffsetTSlot(footerDictionaries, dictionaries, 0)
	f.PrependUOffsetTSlot(footerBatches, vector, 0)
	f.PrependInt16Slot(footerVersion, metadataV5, 0)
	f.Finish(f.EndObject())
	return f.FinishedBytes()
}

var errFlatbuffer = errors.New("metadata is no flatbuffer")

// parseMessage returns the header of a Message.
func parseMessage(f *flatbuffer) (kind uint8, header, message flatTable, err error) {
	message = f.root()
	kind, header = message.u8(messageHeaderType), message.table(messageHeader)
	switch version := message.i16(messageVersion); {
	case f.invalid:
		err = errFlatbuffer
	case version < metadataV4 || version > metadataV5:
		err = fmt.Errorf("arrow metadata version %d", version)
	case message.i64(messageBodyLength) < 0:
		err = errors.New("body of negative length")
	}
	return kind, header, message, err
}

// keyValues calls fn with each pair of a [KeyValue].
func keyValues(t flatTable, slot int, fn func(k, v []byte)) {
	pos, n := t.vector(slot, 4)
	for i := range n {
		kv := t.f.table(t.f.follow(pos + 4*i))
		k, v := kv.text(keyValueKey), kv.text(keyValueValue)
		if t.f.invalid {
			return
		}
		fn(k, v)
	}
}

// parseBatch reads the header of a record batch into h, reusing its memory.
func parseBatch(f *flatbuffer, h *batchHeader) error {
	kind, batch, message, err := parseMessage(f)
	if err != nil {
		return err
	}
	if kind != headerRecordBatch {
		return errors.New("not a record batch")
	}
	rows := batch.i64(batchLength)
	if rows < 0 || rows > MaxRows {
		return fmt.Errorf("batch of %d rows, not 0 to %d", rows, MaxRows)
	}
	*h = batchHeader{rows: int(rows), body: message.i64(messageBodyLength), nodes: h.nodes[:0], buffers: h.buffers[:0]}
	pos, n := batch.vector(batchNodes, nodeSize)
	for i := range n {
		h.nodes = append(h.nodes, node{f.i64(pos + nodeSize*i), f.i64(pos + nodeSize*i + 8)})
	}
	pos, n = batch.vector(batchBuffers, bufferSize)
	used := int64(0)
	for i := range n {
		s := extent{f.i64(pos + bufferSize*i), f.i64(pos + bufferSize*i + 8)}
		if s.length != 0 {
			// In order and apart, or one small buffer could be all the columns.
			if s.offset < used || s.length < 0 || s.offset > h.body || s.length > h.body-s.offset {
				return fmt.Errorf("buffer %d of the batch: %d bytes at %d of %d, after %d", i, s.length, s.offset, h.body, used)
			}
			used = s.offset + s.length
		}
		h.buffers = append(h.buffers, s)
	}
	if batch.field(batchCompression) != 0 {
		c := batch.table(batchCompression)
		codec, method := c.u8(compressionCodec), c.u8(compressionMethod)
		if codec > 1 || method != 0 {
			return fmt.Errorf("compression %d by method %d", codec, method)
		}
		h.codec = LZ4 + Codec(codec)
	}
	var lo, hi bool
	keyValues(message, messageMetadata, func(k, v []byte) {
		if len(v) > 20 {
			return
		}
		switch string(k) {
		case "ts_min":
			n, err := strconv.ParseInt(string(v), 10, 64)
			h.minTS, lo = n, err == nil
		case "ts_max":
			n, err := strconv.ParseInt(string(v), 10, 64)
			h.maxTS, hi = n, err == nil
		}
	})
	h.hasTimeRange = lo && hi && h.minTS <= h.maxTS
	if f.invalid {
		return errFlatbuffer
	}
	return nil
}

// layout says which nodes and buffers of a record batch are those of a column.
type layout struct{ node, buffer int }

// parsedSchema is the schema of a segment: the columns that this version knows,
// where their buffers are, and the metadata.
type parsedSchema struct {
	Schema
	layouts  []layout // of Columns
	metadata map[string]string
}

// parseSchema reads the Schema of a segment of table.
func parseSchema(f *flatbuffer, table string) (*parsedSchema, error) {
	kind, schema, message, err := parseMessage(f)
	if err != nil {
		return nil, err
	}
	if kind != headerSchema || message.i64(messageBodyLength) != 0 {
		return nil, errors.New("first message is not a schema")
	}
	if schema.i16(schemaEndianness) != 0 {
		return nil, errors.New("big-endian")
	}
	p := &parsedSchema{Schema: Schema{Table: table}, metadata: map[string]string{}}
	keyValues(schema, schemaMetadata, func(k, v []byte) {
		if len(k) <= maxName && len(v) <= maxValue && bytes.HasPrefix(k, []byte("fletch.")) {
			p.metadata[string(k)] = string(v)
		}
	})
	fields := fieldWalk{f: f}
	pos, n := schema.vector(schemaFields, 4)
	for i := range n {
		field := f.table(f.follow(pos + 4*i))
		where := layout{fields.nodes, fields.buffers}
		measured := fields.walk(field, 0)
		if f.invalid {
			break
		}
		typ, name := columnType(field), field.text(fieldName)
		if typ != 0 && len(name) <= maxName && validName(string(name)) {
			if len(p.Columns) == MaxColumns {
				return nil, fmt.Errorf("more than %d columns", MaxColumns)
			}
			p.Columns = append(p.Columns, Column{string(name), typ})
			p.layouts = append(p.layouts, where)
		}
		if !measured {
			// Where later columns have their buffers cannot be known.
			break
		}
	}
	if f.invalid {
		return nil, errFlatbuffer
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// columnType returns the type of a column, 0 when this version does not know it.
func columnType(field flatTable) Type {
	if field.field(fieldDictionary) != 0 {
		return 0
	}
	typ := field.table(fieldType)
	switch field.u8(fieldTypeType) {
	case typeInt:
		switch width := typ.i32(intBitWidth); {
		case typ.u8(intSigned) == 0:
		case width == 32:
			return Int32
		case width == 64:
			return Int64
		}
	case typeTimestamp:
		// Without a time zone it would be local time of nobody knows where.
		if typ.i16(timestampUnit) == unitNanosecond && len(typ.text(timestampTimezone)) > 0 {
			return Timestamp
		}
	case typeUtf8:
		return String
	case typeList:
		if pos, n := field.vector(fieldChildren, 4); n == 1 {
			if columnType(field.f.table(field.f.follow(pos))) == String {
				return StringList
			}
		}
	}
	return 0
}

// fieldWalk counts the nodes and buffers that fields have in a record batch.
type fieldWalk struct {
	f                      *flatbuffer
	fields, nodes, buffers int
}

// walk adds a field and those below it. It returns false when the number of
// buffers cannot be told from the schema alone.
func (w *fieldWalk) walk(field flatTable, depth int) bool {
	if w.fields++; w.fields > maxFields || depth > maxDepth {
		w.f.invalid = true
	}
	if w.f.invalid {
		return false
	}
	w.nodes++
	if field.field(fieldDictionary) != 0 {
		w.buffers += 2 // the indices'; values are in messages of their own
		return true
	}
	nested := false
	switch field.u8(fieldTypeType) {
	case typeNull:
	case typeInt, typeFloat, typeBool, typeDecimal, typeDate, typeTime, typeTimestamp, typeInterval,
		typeFixedSizeBinary, typeDuration:
		w.buffers += 2
	case typeBinary, typeUtf8, typeLargeBinary, typeLargeUtf8:
		w.buffers += 3
	case typeList, typeMap, typeLargeList:
		w.buffers += 2
		nested = true
	case typeStruct, typeFixedSizeList:
		w.buffers++
		nested = true
	default:
		return false
	}
	if nested {
		pos, n := field.vector(fieldChildren, 4)
		for i := range n {
			if !w.walk(w.f.table(w.f.follow(pos+4*i)), depth+1) {
				return false
			}
		}
	}
	return true
}

// parseFooter returns how many record batches a Footer lists.
func parseFooter(b []byte) (batches int, err error) {
	f := &flatbuffer{b: b}
	footer := f.root()
	_, batches = footer.vector(footerBatches, footerBlockSize)
	if f.invalid {
		return 0, errFlatbuffer
	}
	return batches, nil
}
