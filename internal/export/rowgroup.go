// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
)

// rowGroup is rows of a table with the joined columns, gathered from many batches.
type rowGroup struct {
	schema     *format.Schema
	joins      []capture.Column // of schema.Columns; that of the capture has no name
	dictionary dictionary
	rows       int
	vectors    []format.Vector
	numbers    [][]int32 // of texts that are joined: their numbers in the dictionary; nil of other columns
}

func newRowGroup(t *Table) *rowGroup {
	g := &rowGroup{schema: &format.Schema{Table: t.Name}}
	if t.several() {
		g.joins = append(g.joins, capture.Column{})
		g.schema.Columns = append(g.schema.Columns, format.Column{Name: captureColumn, Type: format.String})
	}
	for _, c := range t.Columns {
		g.joins = append(g.joins, c)
		g.schema.Columns = append(g.schema.Columns, c.Column)
	}
	g.vectors = make([]format.Vector, len(g.joins))
	g.numbers = make([][]int32, len(g.joins))
	for i, c := range g.schema.Columns {
		g.vectors[i].Type = c.Type
		if g.numbered(i) {
			g.numbers[i] = []int32{}
		}
	}
	g.reset()
	return g
}

// numbered says whether column i is joined text.
func (g *rowGroup) numbered(i int) bool {
	return g.joins[i].Name == "" || !g.joins[i].Own() && g.joins[i].Type == format.String
}

// own says whether the table has column i.
func (g *rowGroup) own(i int) bool { return g.joins[i].Name != "" && g.joins[i].Own() }

func (g *rowGroup) reset() {
	g.rows = 0
	for i := range g.vectors {
		g.vectors[i].Reset()
		g.numbers[i] = g.numbers[i][:0:cap(g.numbers[i])]
	}
}

// append adds the rows of a batch of the capture that j joins and whose label has this number.
func (g *rowGroup) append(b *format.Batch, j *joiner, label int32) {
	j.bind(b)
	for i, c := range g.joins {
		switch {
		case g.own(i):
			appendVector(&g.vectors[i], b.Column(c.Name))
		case c.Name == "":
			g.numbers[i] = append(g.numbers[i], slices.Repeat([]int32{label}, b.Rows)...)
		case g.numbered(i):
			g.numbers[i] = j.appendNumbers(g.numbers[i], i)
		default:
			j.appendValues(&g.vectors[i], i, b.Rows)
		}
	}
	g.rows += b.Rows
}

// bytes is what the rows take in memory.
func (g *rowGroup) bytes() int {
	n := 0
	for i := range g.vectors {
		v := &g.vectors[i]
		n += 4*(len(v.I32)+len(v.Rows)+len(v.Str.Offsets)+len(g.numbers[i])) + 8*len(v.I64) + len(v.Str.Data)
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
