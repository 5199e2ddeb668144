// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
)

// wide is rows of a table with the joined columns, gathered from many batches.
type wide struct {
	schema     *format.Schema
	joins      []capture.Column // of schema.Columns; that of the capture has no name
	dictionary dictionary
	rows       int
	vectors    []format.Vector
	numbers    [][]int32 // of texts that are joined: their numbers in the dictionary; nil of other columns
}

func newWide(t *tableJob) *wide {
	w := &wide{schema: &format.Schema{Table: t.name}}
	if len(t.set) > 1 {
		w.joins = append(w.joins, capture.Column{})
		w.schema.Columns = append(w.schema.Columns, format.Column{Name: captureColumn, Type: format.String})
	}
	for _, c := range t.columns {
		w.joins = append(w.joins, c)
		w.schema.Columns = append(w.schema.Columns, c.Column)
	}
	w.vectors = make([]format.Vector, len(w.joins))
	w.numbers = make([][]int32, len(w.joins))
	for i, c := range w.schema.Columns {
		w.vectors[i].Type = c.Type
		if w.numbered(i) {
			w.numbers[i] = []int32{}
		}
	}
	w.reset()
	return w
}

// numbered says whether column i is joined text.
func (w *wide) numbered(i int) bool {
	return w.joins[i].Name == "" || w.joins[i].Join != capture.Own && w.joins[i].Type == format.String
}

// own says whether the table has column i.
func (w *wide) own(i int) bool { return w.joins[i].Name != "" && w.joins[i].Join == capture.Own }

func (w *wide) reset() {
	w.rows = 0
	for i := range w.vectors {
		w.vectors[i].Reset()
		w.numbers[i] = w.numbers[i][:0:cap(w.numbers[i])]
	}
}

// append adds the rows of a batch of the capture that j joins and whose label has this number.
func (w *wide) append(b *format.Batch, j *joiner, label int32) {
	for i, c := range w.joins {
		switch {
		case w.own(i):
			appendVector(&w.vectors[i], b.Column(c.Name))
		case c.Name == "":
			w.numbers[i] = append(w.numbers[i], slices.Repeat([]int32{label}, b.Rows)...)
		case w.numbered(i):
			w.numbers[i] = j.numbers(w.numbers[i], c, b.Column(c.Source()))
		default:
			w.vectors[i].I32 = j.numbers(w.vectors[i].I32, c, b.Column(c.Source()))
		}
	}
	w.rows += b.Rows
}

// bytes is what the rows take in memory.
func (w *wide) bytes() int {
	n := 0
	for i := range w.vectors {
		v := &w.vectors[i]
		n += 4*(len(v.I32)+len(v.Rows)+len(v.Str.Offsets)+len(w.numbers[i])) + 8*len(v.I64) + len(v.Str.Data)
	}
	return n
}

// appendVector appends the values of src, texts as UTF-8 that is valid.
func appendVector(dst, src *format.Vector) {
	dst.I32 = append(dst.I32, src.I32...)
	dst.I64 = append(dst.I64, src.I64...)
	switch src.Type {
	case format.StringList:
		first := int32(dst.Str.Len()) - src.Rows[0]
		for _, end := range src.Rows[1:] {
			dst.Rows = append(dst.Rows, first+end)
		}
		// Elements before the first row and after the last are nobody's.
		appendTexts(&dst.Str, &src.Str, int(src.Rows[0]), int(src.Rows[len(src.Rows)-1]))
	case format.String:
		appendTexts(&dst.Str, &src.Str, 0, src.Str.Len())
	}
}

func appendTexts(dst, src *format.Strings, from, to int) {
	for i := from; i < to; i++ {
		text := src.Bytes(i)
		if !utf8.Valid(text) {
			text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
		}
		dst.Data = append(dst.Data, text...)
		dst.Offsets = append(dst.Offsets, int32(len(dst.Data)))
	}
}

// What is gathered before it is written.
const (
	groupRows  = 256 << 10
	groupBytes = 64 << 20
)

// gather reads all rows of the job's table into pieces of about groupRows rows, and gives them to use, which may keep a
// piece until the call after the next.
func (t *tableJob) gather(first, second *wide, use func(w *wide) error) error {
	w, next := first, second
	for _, c := range t.captures() {
		joiners := map[*wide]*joiner{}
		for _, w := range []*wide{w, next} {
			j, err := newJoiner(c, &w.dictionary)
			if err != nil {
				return err
			}
			joiners[w] = j
		}
		err := t.scan(c).run(t.env, func(_ int, b *format.Batch) error {
			if w.rows > 0 && (w.rows+b.Rows > groupRows || w.bytes() > groupBytes) {
				if err := use(w); err != nil {
					return err
				}
				w, next = next, w
				w.reset()
			}
			w.append(b, joiners[w], w.dictionary.add(t.set.Label(c)))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return use(w)
}
