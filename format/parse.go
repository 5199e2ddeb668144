// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

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

// keyValues calls fn with each pair of a vector of KeyValue.
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
			// If buffers could overlap, one small buffer could be decoded for every column.
			if s.offset < used || s.length < 0 || s.offset > h.body || s.length > h.body-s.offset {
				return fmt.Errorf("buffer %d of the batch: %d bytes at %d of %d, after %d",
					i, s.length, s.offset, h.body, used)
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
	var hasMin, hasMax bool
	keyValues(message, messageMetadata, func(k, v []byte) {
		if len(v) > 20 {
			return
		}
		switch string(k) {
		case "ts_min":
			n, err := strconv.ParseInt(string(v), 10, 64)
			h.minTS, hasMin = n, err == nil
		case "ts_max":
			n, err := strconv.ParseInt(string(v), 10, 64)
			h.maxTS, hasMax = n, err == nil
		}
	})
	h.hasTimeRange = hasMin && hasMax && h.minTS <= h.maxTS
	if f.invalid {
		return errFlatbuffer
	}
	return nil
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
		counted := fields.walk(field, 0)
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
		if !counted {
			// Where the buffers of the columns after it are is unknown.
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

// columnType returns the type of a column, 0 if captures have no such type.
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
		// Without a time zone it is local time in an unknown zone.
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

// walk adds a field and its descendants. It returns false if their number of buffers
// cannot be told from the schema, as for a view or an unknown type.
func (w *fieldWalk) walk(field flatTable, depth int) bool {
	if w.fields++; w.fields > maxFields || depth > maxDepth {
		w.f.invalid = true
	}
	if w.f.invalid {
		return false
	}
	w.nodes++
	if field.field(fieldDictionary) != 0 {
		w.buffers += 2 // of the indices; the values are in messages of their own
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
