// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"encoding/binary"
	"math"

	"github.com/fletch-trace/fletch/format"
)

// pageRows is how many rows a data page has; the last one of a chunk may have fewer. See the package comment for why.
const pageRows = 32 << 10

// page is a data page of a chunk.
type page struct {
	row      int    // number of its first row in the row group
	from, to int    // its range of the column's values, which are integers, texts, or elements of all lists
	levels   []byte // of lists: repetition and definition levels, encoded
	values   int    // with nulls
	nulls    int
	at, size int64 // offset in the chunk, and bytes with the header
}

// divide divides the rows of a chunk into pages, for a column with one value a row.
func (c *chunk) divide(rows int) {
	for from := 0; from < rows; from += pageRows {
		to := min(from+pageRows, rows)
		c.pages = append(c.pages, page{row: from, from: from, to: to, values: to - from})
	}
}

// divideLists changes the pages to those of a column of lists. For each element, and each empty list, a page has a
// repetition level, 0 where a row begins and else 1, and a definition level, 0 for an empty list and else 1.
func (c *chunk) divideLists(v *format.Vector) {
	var repetition, definition []uint32
	c.values = 0
	for i := range c.pages {
		p := &c.pages[i]
		repetition, definition = repetition[:0], definition[:0]
		rows := v.Rows[p.from : p.to+1]
		for i := range len(rows) - 1 {
			n := rows[i+1] - rows[i]
			repetition, definition = append(repetition, 0), append(definition, uint32(min(n, 1)))
			for range n - 1 {
				repetition, definition = append(repetition, 1), append(definition, 1)
			}
		}
		p.levels = appendLevels(appendLevels(nil, repetition), definition)
		p.from, p.to = int(rows[0]-v.Rows[0]), int(rows[len(rows)-1]-v.Rows[0])
		p.values = len(repetition)
		p.nulls = p.values - (p.to - p.from)
		c.values += p.values
		c.nulls += p.nulls
	}
}

// appendLevels appends levels, which are 0 or 1, after the length of their encoded form.
func appendLevels(dst []byte, levels []uint32) []byte {
	at := len(dst)
	dst = appendHybrid(append(dst, 0, 0, 0, 0), levels, 1)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// addDictionary adds a dictionary page of n values.
func (e *encoder) addDictionary(c *chunk, n int, content []byte) error {
	return e.add(c, content, func(t *thrift) {
		t.i32(1, pageDictionary)
	}, func(t *thrift) {
		t.structure(7, func() { t.i32(1, int32(n)); t.i32(2, encodingPlain); t.bool(3, false) })
	})
}

// addPages adds the data pages; values appends those of a page to dst.
func (e *encoder) addPages(c *chunk, values func(dst []byte, p *page) []byte) error {
	c.data, c.dataPages = int64(len(c.bytes)), len(c.pages)
	for i := range c.pages {
		p := &c.pages[i]
		p.at = int64(len(c.bytes))
		e.page = values(append(e.page[:0], p.levels...), p)
		err := e.add(c, e.page, func(t *thrift) {
			t.i32(1, pageData)
		}, func(t *thrift) {
			t.structure(5, func() {
				t.i32(1, int32(p.values))
				t.i32(2, c.encoding)
				t.i32(3, encodingRLE)
				t.i32(4, encodingRLE)
			})
		})
		if err != nil {
			return err
		}
		p.levels = nil
		p.size = int64(len(c.bytes)) - p.at
	}
	return nil
}

// add compresses content and adds it as a page. kind writes the type of the page into its header, details the struct of
// this type.
func (e *encoder) add(c *chunk, content []byte, kind, details func(t *thrift)) error {
	if len(content) > math.MaxInt32 {
		return errGroup
	}
	e.packed = e.zstd.EncodeAll(content, e.packed[:0])
	t := &thrift{}
	t.element(func() {
		kind(t)
		t.i32(2, int32(len(content)))
		t.i32(3, int32(len(e.packed)))
		details(t)
	})
	c.bytes = append(append(c.bytes, t.b...), e.packed...)
	c.raw += int64(len(t.b) + len(content))
	c.packed += int64(len(t.b) + len(e.packed))
	return nil
}
