// SPDX-License-Identifier: Apache-2.0

package format

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

// Limits of metadata, far above what captures have.
const (
	maxMetadata = 1 << 20 // bytes of a message's metadata
	maxFooter   = 1 << 26 // bytes of a footer
	maxFields   = 1 << 12 // fields of a schema, including nested ones
	maxDepth    = 8       // nesting of fields
	maxValue    = 1 << 10 // bytes of a value of the schema's metadata
)

// extent is a part of the body of a message.
type extent struct{ offset, length int64 }

// location says where a message is in its segment.
type location struct {
	offset   int64 // of its prefix
	metadata int32 // bytes of prefix and metadata together
	body     int64 // bytes of the body
}

// node is the FieldNode of one field in a record batch.
type node struct{ rows, nulls int64 }

// batchHeader is the metadata of a record batch message.
type batchHeader struct {
	rows         int
	nodes        []node
	buffers      []extent
	codec        Codec
	body         int64
	hasTimeRange bool // minTS and maxTS are set
	minTS, maxTS int64
}

// layout is the index of the first node and of the first buffer that a column has in
// a record batch.
type layout struct{ node, buffer int }

// parsedSchema is the schema of a segment: the columns of known types, where their
// buffers are, and the metadata.
type parsedSchema struct {
	Schema
	layouts  []layout // of Columns
	metadata map[string]string
}
