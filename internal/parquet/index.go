// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/fletch-trace/fletch/format"
)

const (
	maxBound  = 256     // bytes of a text up to which it is stored as a bound
	maxSorted = 4 << 10 // texts of a dictionary up to which it is sorted, so that the order of numbers is that of texts
)

// Orders of the bounds of pages.
const (
	unordered = iota
	ascending
	descending
)

// boundIntegers finds the least and the greatest value of each page and of the chunk.
func boundIntegers[T integer](c *chunk, values []T) (least, greatest T) {
	lows, highs := make([]T, len(c.pages)), make([]T, len(c.pages))
	for i, p := range c.pages {
		lows[i], highs[i] = slices.Min(values[p.from:p.to]), slices.Max(values[p.from:p.to])
	}
	setBounds(c, lows, highs, cmp.Compare, func(v T) []byte { return appendPlain(nil, []T{v}) })
	return slices.Min(lows), slices.Max(highs)
}

// boundTexts finds the bounds of texts that have no dictionary.
func boundTexts(c *chunk, s *format.Strings) {
	var lows, highs [][]byte
	for _, p := range c.pages {
		if p.from == p.to {
			continue
		}
		low, high := s.Bytes(p.from), s.Bytes(p.from)
		for i := p.from + 1; i < p.to; i++ {
			text := s.Bytes(i)
			if string(text) < string(low) {
				low = text
			}
			if string(text) > string(high) {
				high = text
			}
		}
		lows, highs = append(lows, low), append(highs, high)
	}
	setBounds(c, lows, highs, bytes.Compare, slices.Clone[[]byte])
}

// boundNumbered finds the bounds of texts that have a dictionary. To that end it sorts the dictionary and changes the
// numbers. If there are more than maxSorted texts it does not, and only the chunk gets bounds.
func (e *encoder) boundNumbered(c *chunk, texts []string) {
	if len(texts) > maxSorted {
		c.bound([]byte(slices.Min(texts)), []byte(slices.Max(texts)))
		return
	}
	order := make([]uint32, len(texts))
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return cmp.Compare(texts[a], texts[b]) })
	before := slices.Clone(texts)
	rank := make([]uint32, len(texts))
	for i, number := range order {
		texts[i] = before[number]
		rank[number] = uint32(i)
	}
	for i, number := range e.numbers {
		e.numbers[i] = rank[number]
	}
	var lows, highs []uint32
	for _, p := range c.pages {
		if p.from < p.to {
			lows = append(lows, slices.Min(e.numbers[p.from:p.to]))
			highs = append(highs, slices.Max(e.numbers[p.from:p.to]))
		}
	}
	setBounds(c, lows, highs, cmp.Compare, func(number uint32) []byte { return []byte(texts[number]) })
}

// bound sets the bounds of the chunk, unless one is too long.
func (c *chunk) bound(least, greatest []byte) {
	if len(least) <= maxBound && len(greatest) <= maxBound {
		c.bounded, c.least, c.greatest = true, least, greatest
	}
}

// setBounds sets the bounds of the chunk and encodes its column index, from the least and the greatest value of each
// page that has values. plain returns a value in PLAIN.
func setBounds[T any](c *chunk, lows, highs []T, compare func(a, b T) int, plain func(T) []byte) {
	if len(lows) == 0 {
		return
	}
	c.bound(plain(slices.MinFunc(lows, compare)), plain(slices.MaxFunc(highs, compare)))
	order := int32(unordered)
	switch {
	case slices.IsSortedFunc(lows, compare) && slices.IsSortedFunc(highs, compare):
		order = ascending
	case slices.IsSortedFunc(lows, reversed(compare)) && slices.IsSortedFunc(highs, reversed(compare)):
		order = descending
	}
	var least, greatest [][]byte // of all pages
	for i, n := 0, 0; i < len(c.pages); i++ {
		if c.pages[i].from == c.pages[i].to {
			least, greatest = append(least, nil), append(greatest, nil)
			continue
		}
		least, greatest = append(least, plain(lows[n])), append(greatest, plain(highs[n]))
		if max(len(least[i]), len(greatest[i])) > maxBound {
			return
		}
		n++
	}
	c.columnIndex = encodeColumnIndex(c.pages, least, greatest, order)
}

func reversed[T any](compare func(a, b T) int) func(a, b T) int {
	return func(a, b T) int { return compare(b, a) }
}

// encodeColumnIndex encodes the struct ColumnIndex: the bounds of all pages, nil for a page without values.
func encodeColumnIndex(pages []page, least, greatest [][]byte, order int32) []byte {
	t := &thrift{}
	t.element(func() {
		t.list(1, len(pages), thriftTrue)
		for _, p := range pages {
			t.flag(p.from == p.to)
		}
		for id, bounds := range [][][]byte{least, greatest} {
			t.list(int16(2+id), len(pages), thriftBinary)
			for _, b := range bounds {
				t.text(string(b))
			}
		}
		t.i32(4, order)
		t.list(5, len(pages), thriftI64)
		for _, p := range pages {
			t.zigzag(int64(p.nulls))
		}
	})
	return t.b
}

// encodeOffsetIndex encodes the struct OffsetIndex: where the pages are in the file.
func encodeOffsetIndex(pages []page, start int64) []byte {
	t := &thrift{}
	t.element(func() {
		t.list(1, len(pages), thriftStruct)
		for _, p := range pages {
			t.element(func() { t.i64(1, start+p.at); t.i32(2, int32(p.size)); t.i64(3, int64(p.row)) })
		}
	})
	return t.b
}
