// SPDX-License-Identifier: Apache-2.0

package parquet

import "github.com/fletch-trace/fletch/format"

// Values of enums in parquet.thrift (https://github.com/apache/parquet-format).
const (
	typeInt32     = 1
	typeInt64     = 2
	typeByteArray = 6

	required = 0
	repeated = 2

	convertedUTF8 = 0
	convertedList = 3

	encodingPlain      = 0
	encodingRLE        = 3
	encodingDelta      = 5
	encodingDictionary = 8

	codecZstd = 6

	pageData       = 0
	pageDictionary = 2
)

// physicalType returns the physical type of a column; of a list, that of its elements.
func physicalType(t format.Type) int32 {
	switch t {
	case format.Int32:
		return typeInt32
	case format.Int64, format.Timestamp:
		return typeInt64
	}
	return typeByteArray
}

// footer returns the struct FileMetaData.
func (w *Writer) footer() []byte {
	t := &thrift{}
	t.element(func() {
		t.i32(1, 2) // version: the types and encodings of format 2
		w.schema(t)
		t.i64(3, w.rows)
		t.list(4, len(w.groups), thriftStruct)
		for i := range w.groups {
			w.rowGroup(t, &w.groups[i])
		}
		t.list(5, len(w.pairs), thriftStruct)
		for _, pair := range w.pairs {
			t.element(func() { t.binary(1, pair[0]); t.binary(2, pair[1]) })
		}
		t.binary(6, "fletch")
		t.list(7, len(w.columns), thriftStruct) // column_orders: TYPE_ORDER; without it readers ignore bounds
		for range w.columns {
			t.element(func() { t.structure(1, func() {}) })
		}
	})
	return t.b
}

// schema writes the list of SchemaElement: the root, and the columns.
func (w *Writer) schema(t *thrift) {
	n := 1 + len(w.columns)
	for _, c := range w.columns {
		if c.Type == format.StringList {
			n += 2
		}
	}
	t.list(2, n, thriftStruct)
	t.element(func() { t.binary(4, "schema"); t.i32(5, int32(len(w.columns))) })
	for _, c := range w.columns {
		if c.Type == format.StringList {
			t.element(func() {
				t.i32(3, required)
				t.binary(4, c.Name)
				t.i32(5, 1)
				t.i32(6, convertedList)
				t.structure(10, func() { t.structure(3, func() {}) })
			})
			t.element(func() { t.i32(3, repeated); t.binary(4, "list"); t.i32(5, 1) })
			writeLeaf(t, "element", format.String)
			continue
		}
		writeLeaf(t, c.Name, c.Type)
	}
}

func writeLeaf(t *thrift, name string, kind format.Type) {
	t.element(func() {
		t.i32(1, physicalType(kind))
		t.i32(3, required)
		t.binary(4, name)
		switch kind {
		case format.String:
			t.i32(6, convertedUTF8)
			t.structure(10, func() { t.structure(1, func() {}) })
		case format.Timestamp:
			t.structure(10, func() {
				t.structure(8, func() {
					t.bool(1, true)                                      // in UTC
					t.structure(2, func() { t.structure(3, func() {}) }) // nanoseconds
				})
			})
		}
	})
}

// schemaPath returns the names that lead from the root of the schema to the leaf of a column.
func schemaPath(c format.Column) []string {
	if c.Type == format.StringList {
		return []string{c.Name, "list", "element"}
	}
	return []string{c.Name}
}

func (w *Writer) rowGroup(t *thrift, g *group) {
	raw, packed := int64(0), int64(0)
	for _, c := range g.chunks {
		raw, packed = raw+c.raw, packed+c.packed
	}
	t.element(func() {
		t.list(1, len(g.chunks), thriftStruct)
		for i := range g.chunks {
			g.chunks[i].writeColumnChunk(t, w.columns[i])
		}
		t.i64(2, raw)
		t.i64(3, int64(g.rows))
		if g.sorted {
			t.list(4, 1, thriftStruct)
			t.element(func() { t.i32(1, int32(w.orderBy)); t.bool(2, false); t.bool(3, false) })
		}
		t.i64(5, g.start)
		t.i64(6, packed)
	})
}

// writeColumnChunk writes the struct ColumnChunk.
func (c *chunk) writeColumnChunk(t *thrift, column format.Column) {
	t.element(func() {
		t.i64(2, 0)
		t.structure(3, func() {
			t.i32(1, physicalType(column.Type))
			t.list(2, 2, thriftI32)
			t.zigzag(encodingRLE)
			t.zigzag(int64(c.encoding))
			t.list(3, len(schemaPath(column)), thriftBinary)
			for _, part := range schemaPath(column) {
				t.text(part)
			}
			t.i32(4, codecZstd)
			t.i64(5, int64(c.values))
			t.i64(6, c.raw)
			t.i64(7, c.packed)
			t.i64(9, c.start+c.data)
			if c.encoding == encodingDictionary {
				t.i64(11, c.start)
			}
			t.structure(12, func() {
				t.i64(3, int64(c.nulls))
				if c.bounded {
					t.binary(5, string(c.greatest))
					t.binary(6, string(c.least))
				}
			})
			c.writeEncodingStats(t)
		})
		t.i64(4, c.indexes[1])
		t.i32(5, int32(len(c.offsetIndex)))
		if len(c.columnIndex) > 0 {
			t.i64(6, c.indexes[0])
			t.i32(7, int32(len(c.columnIndex)))
		}
	})
}

// writeEncodingStats writes how many pages of each kind have which encoding. A reader may skip a chunk whose dictionary
// lacks a value only if it knows from this that all data pages use the dictionary.
func (c *chunk) writeEncodingStats(t *thrift) {
	dictionary := c.encoding == encodingDictionary
	n := 1
	if dictionary {
		n = 2
	}
	t.list(13, n, thriftStruct)
	if dictionary {
		t.element(func() { t.i32(1, pageDictionary); t.i32(2, encodingPlain); t.i32(3, 1) })
	}
	t.element(func() { t.i32(1, pageData); t.i32(2, c.encoding); t.i32(3, int32(c.dataPages)) })
}
