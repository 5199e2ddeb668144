// SPDX-License-Identifier: Apache-2.0

package format

import (
	"strconv"

	flatbuffers "github.com/google/flatbuffers/go"
)

// buildKeyValues builds a vector of KeyValue from alternating keys and values.
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

// buildSchema builds a Schema. pairs is its metadata: alternating keys and values.
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
		// Readers expect the vector of children even if it is empty.
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

// finishMessage builds a Message with a header of this kind (headerSchema or
// headerRecordBatch), and returns its bytes. body is the length of its body in bytes.
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

// buildBatch returns the Message of a record batch. It does not allocate, except to
// grow the builder.
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
