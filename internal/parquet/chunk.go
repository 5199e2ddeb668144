// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/fletch-trace/fletch/format"
)

// chunk is one column of a row group.
type chunk struct {
	bytes       []byte // dictionary page and data page; nil once they are written
	start       int64  // in the file
	data        int64  // where the data page is, from start
	encoding    int32
	values      int
	raw, packed int64 // bytes with headers, before and after compression
	bounded     bool
	least, most []byte // PLAIN, without lengths
}

// encoder encodes chunks, one after the other, in memory that it keeps.
type encoder struct {
	zstd    *zstd.Encoder
	page    []byte
	numbers []uint32
	dict    dictionary
	texts   map[string]uint32
	local   []uint32
	sample  []byte
	packed  []byte
}

func (e *encoder) encode(c *chunk, column format.Column, rows int, v *Values) error {
	if e.zstd == nil {
		var err error
		e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true),
			zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(false))
		if err != nil {
			return err
		}
	}
	e.page = e.page[:0]
	c.values = rows
	switch {
	case v.Numbers != nil:
		if len(v.Numbers) != rows {
			return errGroup
		}
		e.encodeNumbered(c, v)
	case v.Type != column.Type || v.Len() != rows:
		return errGroup
	case v.Type == format.Int32:
		encodeIntegers(e, c, v.I32)
	case v.Type == format.String:
		e.encodeTexts(c, &v.Str)
	case v.Type == format.StringList:
		e.encodeLists(c, v.Vector)
	default:
		encodeIntegers(e, c, v.I64)
	}
	return e.finish(c)
}

// finish adds the data page, whose content is e.page.
func (e *encoder) finish(c *chunk) error {
	c.data = int64(len(c.bytes))
	if len(e.page) > math.MaxInt32 {
		return errGroup
	}
	e.add(c, pageData, c.values, c.encoding, e.page)
	return nil
}

// add adds a page of n values.
func (e *encoder) add(c *chunk, kind int32, n int, encoding int32, content []byte) {
	e.packed = e.zstd.EncodeAll(content, e.packed[:0])
	t := &thrift{}
	t.element(func() {
		t.i32(1, kind)
		t.i32(2, int32(len(content)))
		t.i32(3, int32(len(e.packed)))
		if kind == pageDictionary {
			t.structure(7, func() { t.i32(1, int32(n)); t.i32(2, encodingPlain); t.bool(3, false) })
			return
		}
		t.structure(5, func() { t.i32(1, int32(n)); t.i32(2, encoding); t.i32(3, encodingRLE); t.i32(4, encodingRLE) })
	})
	c.bytes = append(append(c.bytes, t.b...), e.packed...)
	c.raw += int64(len(t.b) + len(content))
	c.packed += int64(len(t.b) + len(e.packed))
}

// useDictionary makes c a chunk of numbers of a dictionary, of n values whose PLAIN form is content.
func (e *encoder) useDictionary(c *chunk, n int, content []byte, numbers []uint32) {
	c.encoding = encodingDictionary
	e.add(c, pageDictionary, n, encodingPlain, content)
	width := max(bits.Len(uint(n-1)), 1) // 0 is legal, and not read by all
	e.page = append(e.page, byte(width))
	e.page = appendHybrid(e.page, numbers, width)
}

// encodeIntegers chooses by a sample what makes the values smallest.
func encodeIntegers[T integer](e *encoder, c *chunk, values []T) {
	if len(values) == 0 {
		return
	}
	least, most := slices.Min(values), slices.Max(values)
	c.bounded, c.least, c.most = true, appendPlain(nil, []T{least}), appendPlain(nil, []T{most})
	if distinct, ok := number(e, values, least, most); ok {
		e.sample = appendPlain(e.sample[:0], distinct)
		e.useDictionary(c, len(distinct), e.sample, e.numbers)
		return
	}
	part := values[:min(len(values), sampleRows)]
	plain := len(e.zstd.EncodeAll(appendPlain(e.sample[:0], part), e.packed[:0]))
	delta := len(e.zstd.EncodeAll(appendDelta(e.sample[:0], part), e.packed[:0]))
	if delta <= plain {
		c.encoding = encodingDelta
		e.page = appendDelta(e.page, values)
		return
	}
	c.encoding = encodingPlain
	e.page = appendPlain(e.page, values)
}

// encodeNumbered makes a dictionary of those texts that are in use.
func (e *encoder) encodeNumbered(c *chunk, v *Values) {
	if cap(e.local) < len(v.Texts) {
		e.local = make([]uint32, len(v.Texts))
	}
	local, used := e.local[:len(v.Texts)], []string{} // local: number in used, plus 1
	clear(local)
	e.numbers = slices.Grow(e.numbers[:0], len(v.Numbers))[:len(v.Numbers)]
	for i, n := range v.Numbers {
		if local[n] == 0 {
			used = append(used, v.Texts[n])
			local[n] = uint32(len(used))
		}
		e.numbers[i] = local[n] - 1
	}
	c.bound(len(used), func(i int) []byte { return []byte(used[i]) })
	e.sample = appendTexts(e.sample[:0], len(used), func(i int) []byte { return []byte(used[i]) })
	e.useDictionary(c, len(used), e.sample, e.numbers)
}

// encodeTexts makes a dictionary unless nearly all texts differ.
func (e *encoder) encodeTexts(c *chunk, s *format.Strings) {
	n := s.Len()
	if n == 0 {
		return
	}
	c.bound(n, s.Bytes)
	if e.texts == nil {
		e.texts = map[string]uint32{}
	}
	clear(e.texts)
	e.numbers = slices.Grow(e.numbers[:0], n)[:n]
	var used []int
	for i := range n {
		at, ok := e.texts[string(s.Bytes(i))]
		if !ok {
			at = uint32(len(used))
			if len(used) > maxDistinct || i >= sampleRows && len(used) > i/2 {
				c.encoding = encodingPlain
				e.page = appendTexts(e.page, n, s.Bytes)
				return
			}
			e.texts[s.At(i)] = at
			used = append(used, i)
		}
		e.numbers[i] = at
	}
	e.sample = appendTexts(e.sample[:0], len(used), func(i int) []byte { return s.Bytes(used[i]) })
	e.useDictionary(c, len(used), e.sample, e.numbers)
}

// encodeLists puts the levels before the texts: repetition 0 where a row begins, and definition 0 where it is empty.
func (e *encoder) encodeLists(c *chunk, v *format.Vector) {
	var repetition, definition []uint32
	for row := range v.Len() {
		n := v.Rows[row+1] - v.Rows[row]
		repetition, definition = append(repetition, 0), append(definition, uint32(min(n, 1)))
		for range n - 1 {
			repetition, definition = append(repetition, 1), append(definition, 1)
		}
	}
	texts := format.Strings{Offsets: v.Str.Offsets[v.Rows[0] : v.Rows[v.Len()]+1], Data: v.Str.Data}
	c.values = len(repetition)
	for _, levels := range [][]uint32{repetition, definition} {
		at := len(e.page)
		e.page = appendHybrid(append(e.page, 0, 0, 0, 0), levels, 1)
		binary.LittleEndian.PutUint32(e.page[at:], uint32(len(e.page)-at-4))
	}
	e.encodeTexts(c, &texts)
}

// maxBound is the length up to which a text is a bound worth keeping.
const maxBound = 256

// bound finds the least and the greatest of n texts.
func (c *chunk) bound(n int, text func(i int) []byte) {
	for i := range n {
		s := text(i)
		if i == 0 || string(s) < string(c.least) {
			c.least = s
		}
		if i == 0 || string(s) > string(c.most) {
			c.most = s
		}
	}
	c.bounded = n > 0 && len(c.least) <= maxBound && len(c.most) <= maxBound
	c.least, c.most = slices.Clone(c.least), slices.Clone(c.most)
}
