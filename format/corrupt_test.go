// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/klauspost/compress/zstd"
)

// readAll reads every value of a capture. It fails the test if what was read is
// inconsistent, and returns the first error of reading.
func readAll(t testing.TB, c *Capture) error {
	t.Helper()
	var first error
	for _, table := range c.Tables() {
		if err := table.Schema.check(); err != nil {
			t.Error(err)
		}
		var read, blocks int64
		for _, s := range table.Segments {
			for _, b := range s.Blocks {
				blocks += int64(b.Rows)
				if b.Rows <= 0 || b.MinTS > b.MaxTS {
					t.Errorf("block %+v", b)
				}
			}
			if s.Complete && s.Damage != nil {
				t.Errorf("segment %s: complete with %v", s.Name, s.Damage)
			}
		}
		err := table.Scan(context.Background(), nil, 1, func(_ int, b *Batch) error {
			if err := b.check(); err != nil {
				t.Error(err)
			}
			rows(b)
			read += int64(b.Rows)
			return nil
		})
		if err != nil && first == nil {
			first = err
		}
		if blocks != table.Rows || err == nil && read != table.Rows {
			t.Errorf("table %s: %d rows, %d in blocks, %d read", table.Schema.Table, table.Rows, blocks, read)
		}
	}
	return first
}

// Whichever byte of a segment is changed, opening and reading it gives ErrCorrupt,
// ErrVersion or values.
func TestFlippedBytes(t *testing.T) {
	for _, codec := range []Codec{None, LZ4, Zstd} {
		b, _ := segment(t, codec, fill(NewBatch(processSchema), 3, 1), fill(NewBatch(processSchema), 9, 2))
		for i := 0; i < len(b); i += thin(7) {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				bad := bytes.Clone(b)
				bad[i] ^= flip
				c, err := openSegment("process", bad)
				if err != nil {
					if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
						t.Fatalf("byte %d ^ %#x: %v", i, flip, err)
					}
					continue
				}
				if err := readAll(t, c); err != nil && !errors.Is(err, ErrCorrupt) {
					t.Fatalf("byte %d ^ %#x: %v", i, flip, err)
				}
			}
		}
	}
}

// message returns the bytes of a record batch message.
func message(h batchHeader, body []byte) []byte {
	return append(appendMetadata(nil, buildBatch(flatbuffers.NewBuilder(0), &h)), body...)
}

// le returns numbers as they are stored in a buffer: little-endian.
func le(v ...any) []byte {
	var b []byte
	for _, v := range v {
		b, _ = binary.Append(b, binary.LittleEndian, v)
	}
	return b
}

// falseClaim is a record batch message, and the error that reading it must give.
type falseClaim struct {
	name   string
	schema *Schema
	h      batchHeader
	body   []byte
	says   string // "" for no error
}

func claim(rows int, nodes []node, buffers ...extent) batchHeader {
	return batchHeader{rows: rows, nodes: nodes, buffers: buffers}
}

// Metadata of a record batch that contradicts its body is an error, before memory is
// allocated for it.
func TestFalseClaims(t *testing.T) {
	ints := &Schema{Table: "t", Columns: []Column{{"a", Int32}, {"b", Int64}}}
	two := []node{{rows: 2}, {rows: 2}}
	for _, c := range []falseClaim{
		{"sound", ints, claim(2, two, extent{}, extent{0, 8}, extent{}, extent{8, 16}), make([]byte, 24), ""},
		{"padded by another writer", ints, claim(2, two, extent{0, 8}, extent{8, 64}, extent{}, extent{72, 24}),
			make([]byte, 96), ""},
		{"more than all rows", ints, claim(MaxRows+1, two, extent{}, extent{0, 8}, extent{}, extent{8, 16}),
			make([]byte, 24), "batch of 1048577 rows"},
		{"fewer than no rows", ints, claim(-1, two, extent{}, extent{0, 8}, extent{}, extent{8, 16}),
			make([]byte, 24), "batch of -1 rows"},
		{"buffer beyond the body", ints, claim(2, two, extent{}, extent{0, 8}, extent{}, extent{16, 16}),
			make([]byte, 24), "buffer 3 of the batch"},
		{"buffer of negative length", ints, claim(2, two, extent{}, extent{0, -8}, extent{}, extent{8, 16}),
			make([]byte, 24), "buffer 1 of the batch"},
		{"buffer before the body", ints, claim(2, two, extent{}, extent{-8, 8}, extent{}, extent{8, 16}),
			make([]byte, 24), "buffer 1 of the batch"},
		{"offset and length overflow", ints, claim(2, two, extent{}, extent{0, 8}, extent{}, extent{8, math.MaxInt64}),
			make([]byte, 24), "buffer 3 of the batch"},
		{"buffers that overlap", ints, claim(2, two, extent{}, extent{0, 16}, extent{}, extent{8, 16}),
			make([]byte, 24), "buffer 3 of the batch"},
		{"buffer too short", ints, claim(2, two, extent{}, extent{0, 8}, extent{}, extent{8, 8}),
			make([]byte, 24), "column b: buffer 3: 8 bytes, not 16"},
		{"buffer too long", ints, claim(2, two, extent{}, extent{0, 8}, extent{}, extent{8, 200}),
			make([]byte, 208), "column b: buffer 3: 200 bytes, not 16"},
		{"buffer missing", ints, claim(2, two, extent{}, extent{0, 8}, extent{}),
			make([]byte, 24), "column b: buffer missing"},
		{"node missing", ints, claim(2, two[:1], extent{}, extent{0, 8}, extent{}, extent{8, 16}),
			make([]byte, 24), "column b: node missing"},
		{"nulls", ints, claim(2, []node{{2, 0}, {2, 1}}, extent{}, extent{0, 8}, extent{8, 1}, extent{16, 16}),
			make([]byte, 32), "column b: 2 rows with 1 nulls"},
		{"validity without nulls", ints, claim(2, two, extent{}, extent{0, 8}, extent{8, 1}, extent{16, 16}),
			make([]byte, 32), ""},
		{"column of other rows", ints, claim(2, []node{{2, 0}, {3, 0}}, extent{}, extent{0, 8}, extent{},
			extent{8, 24}),
			make([]byte, 32), "column b: 3 rows"},
	} {
		checkClaim(t, c.name, c.schema, c.h, c.body, c.says)
	}
}

func TestFalseClaimsOfTexts(t *testing.T) {
	texts := &Schema{Table: "t", Columns: []Column{{"s", String}}}
	lists := &Schema{Table: "t", Columns: []Column{{"l", StringList}}}
	two := []node{{rows: 2}, {rows: 2}}
	for _, c := range []falseClaim{
		{"text offsets descend", texts, claim(2, two, extent{}, extent{0, 12}, extent{12, 4}),
			append(le(int32(0), int32(3), int32(2)), "abcd"...), "offset 2: 2 after 3"},
		{"text offsets negative", texts, claim(2, two, extent{}, extent{0, 12}, extent{12, 4}),
			append(le(int32(-1), int32(1), int32(2)), "abcd"...), "offset 0: -1 after 0"},
		{"text offsets beyond", texts, claim(2, two, extent{}, extent{0, 12}, extent{12, 4}),
			append(le(int32(0), int32(1), int32(5)), "abcd"...), "column s: buffer 2: 4 bytes, not 5"},
		{"text offsets far beyond", texts, claim(2, two, extent{}, extent{0, 12}, extent{12, 4}),
			append(le(int32(0), int32(1), int32(math.MaxInt32)), "abcd"...), "beyond"},
		{"text offsets not from 0", texts, claim(2, two, extent{}, extent{0, 12}, extent{12, 4}),
			append(le(int32(1), int32(2), int32(4)), "abcd"...), ""},

		{"list offsets beyond", lists, claim(2, two, extent{}, extent{0, 12}, extent{}, extent{12, 12}, extent{}),
			le(int32(0), int32(1), int32(3), int32(0), int32(0), int32(0)), "2 elements, 3 used"},
		{"list of more elements than used", lists, claim(1, []node{{1, 0}, {2, 0}}, extent{}, extent{0, 8}, extent{},
			extent{8, 12}, extent{}),
			le(int32(0), int32(1), int32(0), int32(0), int32(0), int32(0)), ""},
		{"list of absurdly many elements", lists, claim(1, []node{{1, 0}, {math.MaxInt64, 0}}, extent{}, extent{0, 8},
			extent{}, extent{8, 12}, extent{}),
			le(int32(0), int32(1), int32(0), int32(0), int32(0), int32(0)), "elements, 1 used"},
		{"list without its child", lists, claim(1, []node{{1, 0}}, extent{}, extent{0, 8}, extent{}, extent{8, 12},
			extent{}),
			le(int32(0), int32(1), int32(0), int32(0), int32(0), int32(0)), "column l: node missing"},
		{"list of nulls", lists, claim(1, []node{{1, 0}, {1, 1}}, extent{}, extent{0, 8}, extent{}, extent{8, 8},
			extent{}),
			le(int32(0), int32(1), int32(0), int32(0)), "1 nulls"},
	} {
		checkClaim(t, c.name, c.schema, c.h, c.body, c.says)
	}
}

// So is a prefix of a compressed buffer that contradicts its content.
func TestFalseClaimsOfBuffers(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := func(claim int64, content []byte) []byte { return z.EncodeAll(content, le(claim)) }
	// An LZ4 frame of one raw block, which claims claim bytes.
	lz4Frame := func(claim int64, content []byte) []byte {
		b := append(le(claim), 0x04, 0x22, 0x4D, 0x18, 0x60, 0x70, 0x73)
		b = append(append(b, le(uint32(len(content))|1<<31)...), content...)
		return append(b, 0, 0, 0, 0)
	}
	one := &Schema{Table: "t", Columns: []Column{{"a", Int64}}}
	for _, c := range []struct {
		name   string
		codec  Codec
		rows   int
		buffer []byte
		says   string
	}{
		{"zstd", Zstd, 2, frame(16, make([]byte, 16)), ""},
		{"lz4", LZ4, 2, lz4Frame(16, make([]byte, 16)), ""},
		{"raw in zstd", Zstd, 2, le(int64(-1), int64(1), int64(2)), ""},
		{"raw in lz4, padded", LZ4, 2, le(int64(-1), int64(1), int64(2), int64(3)), ""},
		{"raw too short", Zstd, 2, le(int64(-1), int64(1)), "8 bytes, not 16"},
		{"no prefix", Zstd, 2, make([]byte, 7), "less than a prefix"},
		{"less than claimed", Zstd, 2, frame(24, make([]byte, 16)), "16 bytes, not 24"},
		{"more than claimed", Zstd, 2, frame(16, make([]byte, 24)), "decoding zstd"},
		{"less than claimed in lz4", LZ4, 2, lz4Frame(24, make([]byte, 16)), "decoding lz4"},
		{"more than claimed in lz4", LZ4, 2, lz4Frame(16, make([]byte, 24)), "more than 16 bytes"},
		{"less than the rows", Zstd, 2, frame(8, make([]byte, 8)), "8 bytes, not 16"},
		{"much more than the rows", Zstd, 2, frame(1000, make([]byte, 1000)), "1000 bytes, not 16"},
		{"claims less than nothing", Zstd, 2, frame(-2, make([]byte, 16)), "-2 bytes, not 16"},
		{"claims everything", Zstd, 2, frame(math.MaxInt64, make([]byte, 16)), "not 16"},
		{"impossible for zstd", Zstd, MaxRows, frame(8*MaxRows, nil), "cannot be"},
		{"impossible for lz4", LZ4, MaxRows, lz4Frame(8*MaxRows, make([]byte, 1000)), "cannot be"},
		{"longer than any encoder makes it", Zstd, 2, append(frame(16, make([]byte, 16)), make([]byte, 2000)...),
			"cannot be"},
		{"not zstd", Zstd, 2, append(le(int64(16)), "hello, world, you"...), "decoding zstd"},
		{"not lz4", LZ4, 2, append(le(int64(16)), "hello, world, you"...), "decoding lz4"},
	} {
		h := batchHeader{codec: c.codec, rows: c.rows, nodes: []node{{rows: int64(c.rows)}}}
		h.buffers = []extent{{}, {0, int64(len(c.buffer))}}
		checkClaim(t, c.name, one, h, c.buffer, c.says)
	}
}

func checkClaim(t *testing.T, name string, s *Schema, h batchHeader, body []byte, says string) {
	t.Helper()
	h.body = int64(len(body))
	e := newEncoder(s, nil)
	m := message(h, body)
	at := location{int64(len(e.start())), int32(len(m) - len(body)), h.body}
	b := slices.Concat(e.start(), m, e.end([]location{at}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := openSegment("t", b)
	if err == nil {
		if err = readAll(t, c); err == nil {
			err = c.Table("t").Segments[0].Damage
		}
	}
	runtime.ReadMemStats(&after)
	switch {
	case says == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case says != "" && (!errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), says)):
		t.Errorf("%s: error %v, not %q", name, err, says)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%s: %d bytes allocated for %d", name, n, len(b))
	}
}

// A decompression bomb is bounded: columns cannot share a buffer, and the limit
// MaxBatchBytes is of all columns together.
func TestBatchBytes(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	const columns = MaxBatchBytes/(8*MaxRows) + 1
	s := &Schema{Table: "t"}
	h := batchHeader{codec: Zstd, rows: MaxRows}
	buffer := z.EncodeAll(make([]byte, 8*MaxRows), le(int64(8*MaxRows)))
	var body []byte
	for i := range columns {
		s.Columns = append(s.Columns, Column{"a" + string(rune('a'+i)), Int64})
		h.nodes = append(h.nodes, node{rows: MaxRows})
		h.buffers = append(h.buffers, extent{}, extent{int64(len(body)), int64(len(buffer))})
		body = append(body, buffer...)
	}
	h.body = int64(len(body))
	e := newEncoder(s, nil)
	m := message(h, body)
	at := location{int64(len(e.start())), int32(len(m) - len(body)), h.body}
	c, err := openSegment("t", slices.Concat(e.start(), m, e.end([]location{at})))
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	table := c.Table("t")
	err = table.Read(&b, table.Blocks()[0], nil)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "batch of more than") {
		t.Error(err)
	}
	if err := table.Read(&b, table.Blocks()[0], []string{"ab"}); err != nil || b.Rows != MaxRows {
		t.Errorf("one column: %v", err)
	}
}

// nestedSchema returns the beginning of a segment whose schema is a tree of fields: each has width children, down to
// depth.
func nestedSchema(depth, width int) []byte {
	f := flatbuffers.NewBuilder(0)
	field := buildField(f, Column{"x", String})
	for range depth {
		children := f.CreateVectorOfTables(slices.Repeat([]flatbuffers.UOffsetT{field}, width))
		f.StartObject(7)
		f.PrependByteSlot(fieldTypeType, typeStruct, 0)
		f.PrependUOffsetTSlot(fieldChildren, children, 0)
		field = f.EndObject()
	}
	fields := f.CreateVectorOfTables(slices.Repeat([]flatbuffers.UOffsetT{field}, width))
	f.StartObject(4)
	f.PrependUOffsetTSlot(schemaFields, fields, 0)
	return appendMetadata([]byte(magic+"\x00\x00"), finishMessage(f, headerSchema, f.EndObject(), 0, 0))
}

func bigEndian() []byte {
	f := flatbuffers.NewBuilder(0)
	f.StartObject(4)
	f.PrependInt16Slot(schemaEndianness, 1, 0)
	return appendMetadata([]byte(magic+"\x00\x00"), finishMessage(f, headerSchema, f.EndObject(), 0, 0))
}

// oldVersion returns the beginning of a segment with a metadata version that captures never had.
func oldVersion(e *encoder) []byte {
	b := bytes.Clone(e.start())
	i := bytes.Index(b[16:], le(int16(metadataV5))) + 16
	b[i] = 2
	return b
}

// Messages in a wrong place or with impossible metadata are damage, and the batches
// before them are read.
func TestInvalidSegments(t *testing.T) {
	e := newEncoder(pathSchema, nil)
	batch, metadata, err := e.batch(fill(NewBatch(pathSchema), 4, 1), Zstd)
	if err != nil {
		t.Fatal(err)
	}
	batch = bytes.Clone(batch)
	at := location{int64(len(e.start())), int32(metadata), int64(len(batch) - metadata)}
	end := e.end([]location{at})
	schema := e.start()[8:]
	mark := func(length int32) []byte { return le(uint32(continuation), length) }
	for _, c := range []struct {
		name string
		b    []byte
		says string
		rows int64
	}{
		{"whole", slices.Concat(e.start(), batch, end), "", 4},
		{"not Arrow", []byte("PAR1....PAR1"), "not an Arrow file", 0},
		{"no schema", slices.Concat([]byte(magic+"\x00\x00"), batch, end),
			"schema: first message is not a schema", 0},
		{"footer at once", slices.Concat([]byte(magic+"\x00\x00"), end), "no schema", 0},
		{"schema twice", slices.Concat(e.start(), schema, batch, end), "", 4},
		{"text between batches", slices.Concat(e.start(), batch, []byte("hello, world"), batch, end),
			"begins with 6c6c6568", 4},
		{"zeros after a batch", slices.Concat(e.start(), batch, make([]byte, 4096)), "begins with 00000000", 4},
		{"negative length", slices.Concat(e.start(), batch, mark(-8), batch), "metadata of -8 bytes", 4},
		{"absurd length", slices.Concat(e.start(), batch, mark(maxMetadata+8), make([]byte, maxMetadata+8)),
			"metadata of 1048584 bytes", 4},
		{"metadata of zeros", slices.Concat(e.start(), batch, mark(64), make([]byte, 64)), "no flatbuffer", 4},
		{"footer lists fewer", slices.Concat(e.start(), batch, batch, end), "footer lists 1 batches, there are 2", 8},
		{"nested too deeply", nestedSchema(20, 1), "no flatbuffer", 0},
		{"nested too widely", nestedSchema(6, 300), "no flatbuffer", 0},
		{"big-endian", bigEndian(), "big-endian", 0},
		{"old version", oldVersion(e), "arrow metadata version 2", 0},
	} {
		s := readSegment(bytes.NewReader(c.b), int64(len(c.b)), "path/000001.arrow", "path", 0)
		sound := s.Damage == nil && s.Complete
		if c.says != "" {
			sound = errors.Is(s.Damage, ErrCorrupt) && strings.Contains(s.Damage.Error(), c.says)
		}
		if !sound {
			t.Errorf("%s: complete %v, damage %v, not %q", c.name, s.Complete, s.Damage, c.says)
		}
		if s.Rows != c.rows {
			t.Errorf("%s: %d rows, not %d", c.name, s.Rows, c.rows)
		}
	}
}

// A segment with other columns than the first of its table is damage; the others are read.
func TestOtherColumns(t *testing.T) {
	a, _ := segment(t, Zstd, fill(NewBatch(pathSchema), 4, 1))
	other := &Schema{Table: "path", Columns: []Column{{"path", Int64}, {"name", String}}}
	b, _ := segment(t, Zstd, fill(NewBatch(other), 5, 1))
	var entries []segmentFile
	for i, data := range [][]byte{a, b, a} {
		n := string(rune('1' + i))
		entries = append(entries, segmentFile{"path", "00000" + n, "path/00000" + n + ".arrow", bytes.NewReader(data),
			int64(len(data))})
	}
	c, err := Opener{}.newCapture("test", nil, entries, nil, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	table := c.Table("path")
	if table.Rows != 8 || !errors.Is(table.Segments[1].Damage, ErrCorrupt) || c.Manifest.Complete {
		t.Errorf("%d rows, damage %v", table.Rows, table.Segments[1].Damage)
	}
	if err := readAll(t, c); err != nil {
		t.Error(err)
	}
}
