// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"math/bits"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/fletch-trace/fletch/format"
)

// chunk is one column of a row group.
type chunk struct {
	bytes           []byte // the dictionary page, if any, and the data pages; nil once they are written
	start           int64  // of bytes in the file
	encoding        int32  // of the data pages
	values          int    // with nulls: rows or, of a column of lists, elements and empty lists
	nulls           int    // empty lists
	raw, packed     int64  // bytes with page headers, before and after compression
	bounded         bool   // least and greatest are set
	least, greatest []byte // PLAIN, texts without lengths
	data            int64  // offset of the data pages from start
	dataPages       int
	pages           []page   // nil once they are written
	columnIndex     []byte   // encoded; empty where a page has no bounds
	offsetIndex     []byte   // encoded
	indexes         [2]int64 // offsets of columnIndex and offsetIndex in the file
}

// encoder encodes chunks, one after the other, in memory that it reuses.
type encoder struct {
	zstd    *zstd.Encoder
	page    []byte     // before compression
	numbers []uint32   // by row, if the chunk has a dictionary
	dict    dictionary // of integers
	texts   map[string]uint32
	local   []uint32 // see encodeNumbered
	sample  []byte   // a dictionary or a sample, before compression
	packed  []byte   // compressed
}

// encode encodes v, a column of rows rows, into c.
func (e *encoder) encode(c *chunk, column format.Column, rows int, v *Values) error {
	if e.zstd == nil {
		var err error
		e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(false))
		if err != nil {
			return err
		}
	}
	c.values = rows
	c.divide(rows)
	switch {
	case v.Numbers != nil:
		if len(v.Numbers) != rows {
			return errGroup
		}
		return e.encodeNumbered(c, v)
	case v.Type != column.Type || v.Len() != rows:
		return errGroup
	case v.Type == format.Int32:
		return encodeIntegers(e, c, v.I32)
	case v.Type == format.String:
		return e.encodeTexts(c, &v.Str)
	case v.Type == format.StringList:
		return e.encodeLists(c, v.Vector)
	}
	return encodeIntegers(e, c, v.I64)
}

// encodeDictionary encodes a chunk as a dictionary of n values, which are content in PLAIN, and the number of each row.
func (e *encoder) encodeDictionary(c *chunk, n int, content []byte, numbers []uint32) error {
	c.encoding = encodingDictionary
	if err := e.addDictionary(c, n, content); err != nil {
		return err
	}
	width := numberWidth(n)
	return e.addPages(c, func(dst []byte, p *page) []byte {
		return appendHybrid(append(dst, byte(width)), numbers[p.from:p.to], width)
	})
}

// numberWidth returns how many bits the numbers of n values take.
func numberWidth(n int) int {
	return max(bits.Len(uint(n-1)), 1) // 0 is legal, but not all readers accept it
}

// encodeIntegers chooses the encoding by the number of distinct values and, unless these are few, by a sample.
func encodeIntegers[T integer](e *encoder, c *chunk, values []T) error {
	least, greatest := boundIntegers(c, values)
	distinct, ok := number(e, values, least, greatest)
	c.encoding = encodingDictionary
	if !ok || len(distinct) > len(values)/sureDivisor {
		c.encoding = chooseEncoding(e, values, distinct, ok)
	}
	switch c.encoding {
	case encodingDictionary:
		e.sample = appendPlain(e.sample[:0], distinct)
		return e.encodeDictionary(c, len(distinct), e.sample, e.numbers)
	case encodingDelta:
		return e.addPages(c, func(dst []byte, p *page) []byte { return appendDelta(dst, values[p.from:p.to]) })
	}
	return e.addPages(c, func(dst []byte, p *page) []byte { return appendPlain(dst, values[p.from:p.to]) })
}

// chooseEncoding returns the encoding in which a sample of values takes the fewest bytes. If ok, that may be the
// dictionary distinct with e.numbers, which may take a tenth more, because it is faster to read.
func chooseEncoding[T integer](e *encoder, values, distinct []T, ok bool) int32 {
	from := 0
	if len(values) >= 2*sampleRows {
		from = len(values) / 2 // the first rows are often not typical
	}
	part := values[from:min(len(values), from+sampleRows)]
	size := func(content []byte) int {
		e.sample = content
		e.packed = e.zstd.EncodeAll(content, e.packed[:0])
		return len(e.packed)
	}
	plain, delta := size(appendPlain(e.sample[:0], part)), size(appendDelta(e.sample[:0], part))
	if ok {
		numbers := size(appendHybrid(e.sample[:0], e.numbers[from:from+len(part)], numberWidth(len(distinct))))
		share := size(appendPlain(e.sample[:0], distinct)) * len(part) / len(values)
		if 10*(numbers+share) <= 11*min(plain, delta) {
			return encodingDictionary
		}
	}
	if delta <= plain {
		return encodingDelta
	}
	return encodingPlain
}

// encodeNumbered makes a dictionary of those texts that some row has.
func (e *encoder) encodeNumbered(c *chunk, v *Values) error {
	if cap(e.local) < len(v.Texts) {
		e.local = make([]uint32, len(v.Texts))
	}
	local, used := e.local[:len(v.Texts)], []string{} // local[n]: number of text n in used, plus 1
	clear(local)
	e.numbers = slices.Grow(e.numbers[:0], len(v.Numbers))[:len(v.Numbers)]
	for i, n := range v.Numbers {
		if local[n] == 0 {
			used = append(used, v.Texts[n])
			local[n] = uint32(len(used))
		}
		e.numbers[i] = local[n] - 1
	}
	return e.encodeTextDictionary(c, used)
}

// encodeTextDictionary encodes a chunk as a dictionary of texts and e.numbers.
func (e *encoder) encodeTextDictionary(c *chunk, texts []string) error {
	e.boundNumbered(c, texts)
	e.sample = appendTexts(e.sample[:0], len(texts), func(i int) []byte { return []byte(texts[i]) })
	return e.encodeDictionary(c, len(texts), e.sample, e.numbers)
}

// encodeTexts makes a dictionary unless more than half of the texts are distinct, or too many.
func (e *encoder) encodeTexts(c *chunk, s *format.Strings) error {
	n := s.Len()
	if n == 0 {
		return e.encodePlainTexts(c, s)
	}
	if e.texts == nil {
		e.texts = map[string]uint32{}
	}
	clear(e.texts)
	e.numbers = slices.Grow(e.numbers[:0], n)[:n]
	var used []string
	for i := range n {
		at, ok := e.texts[string(s.Bytes(i))]
		if !ok {
			at = uint32(len(used))
			if len(used) > maxDistinct || i >= sampleRows && len(used) > i/2 {
				return e.encodePlainTexts(c, s)
			}
			text := s.At(i)
			e.texts[text] = at
			used = append(used, text)
		}
		e.numbers[i] = at
	}
	return e.encodeTextDictionary(c, used)
}

func (e *encoder) encodePlainTexts(c *chunk, s *format.Strings) error {
	c.encoding = encodingPlain
	boundTexts(c, s)
	return e.addPages(c, func(dst []byte, p *page) []byte {
		return appendTexts(dst, p.to-p.from, func(i int) []byte { return s.Bytes(p.from + i) })
	})
}

// encodeLists encodes the elements of all lists as texts. In the pages the levels stand before them.
func (e *encoder) encodeLists(c *chunk, v *format.Vector) error {
	c.divideLists(v)
	return e.encodeTexts(c, &format.Strings{Offsets: v.Str.Offsets[v.Rows[0] : v.Rows[v.Len()]+1], Data: v.Str.Data})
}
