// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
)

// rowGroup is rows of a table, including joined columns, gathered from many batches.
type rowGroup struct {
	schema      *format.Schema   // of the file
	joins       []capture.Column // by column of schema; captureColumn has no name here
	dictionary  dictionary       // of textNumbers, for all row groups of the file
	rows        int
	vectors     []format.Vector // by column; not used for joined text
	textNumbers [][]int32       // by column, then by row: dictionary numbers of joined text; nil for other columns
}

func newRowGroup(t *Table) *rowGroup {
	g := &rowGroup{schema: &format.Schema{Table: t.Name}}
	if t.hasCaptureColumn() {
		g.joins = append(g.joins, capture.Column{})
		g.schema.Columns = append(g.schema.Columns, format.Column{Name: captureColumn, Type: format.String})
	}
	for _, c := range t.Columns {
		g.joins = append(g.joins, c)
		g.schema.Columns = append(g.schema.Columns, c.Column)
	}
	g.vectors = make([]format.Vector, len(g.joins))
	g.textNumbers = make([][]int32, len(g.joins))
	for i, c := range g.schema.Columns {
		g.vectors[i].Type = c.Type
		if g.isJoinedText(i) {
			g.textNumbers[i] = []int32{}
		}
	}
	g.reset()
	return g
}

// isJoinedText reports whether column i is joined text, which is stored in textNumbers.
func (g *rowGroup) isJoinedText(i int) bool {
	return g.joins[i].Name == "" || !g.joins[i].Own() && g.joins[i].Type == format.String
}

// isOwn reports whether column i is a column of the table itself.
func (g *rowGroup) isOwn(i int) bool { return g.joins[i].Name != "" && g.joins[i].Own() }

func (g *rowGroup) reset() {
	g.rows = 0
	for i := range g.vectors {
		g.vectors[i].Reset()
		g.textNumbers[i] = g.textNumbers[i][:0:cap(g.textNumbers[i])]
	}
}

// append appends the rows of a batch, which j joins. label is the number in the dictionary of the capture's label.
func (g *rowGroup) append(b *format.Batch, j *joiner, label int32) {
	j.bind(b)
	for i, c := range g.joins {
		switch {
		case g.isOwn(i):
			appendVector(&g.vectors[i], b.Column(c.Name))
		case c.Name == "":
			g.textNumbers[i] = append(g.textNumbers[i], slices.Repeat([]int32{label}, b.Rows)...)
		case g.isJoinedText(i):
			g.textNumbers[i] = j.appendNumbers(g.textNumbers[i], i)
		default:
			j.appendValues(&g.vectors[i], i, b.Rows)
		}
	}
	g.rows += b.Rows
}

// bytes is the memory that the rows take, without the dictionary.
func (g *rowGroup) bytes() int {
	n := 0
	for i := range g.vectors {
		v := &g.vectors[i]
		n += 4*(len(v.I32)+len(v.Rows)+len(v.Str.Offsets)+len(g.textNumbers[i])) + 8*len(v.I64) + len(v.Str.Data)
	}
	return n
}

// appendVector appends the values of src, with invalid UTF-8 replaced.
func appendVector(dst, src *format.Vector) {
	dst.I32 = append(dst.I32, src.I32...)
	dst.I64 = append(dst.I64, src.I64...)
	switch src.Type {
	case format.StringList:
		first := int32(dst.Str.Len()) - src.Rows[0]
		for _, end := range src.Rows[1:] {
			dst.Rows = append(dst.Rows, first+end)
		}
		// Elements before the first row and after the last belong to no row.
		appendTexts(&dst.Str, &src.Str, int(src.Rows[0]), int(src.Rows[len(src.Rows)-1]))
	case format.String:
		appendTexts(&dst.Str, &src.Str, 0, src.Str.Len())
	}
}

// appendTexts appends texts number from to to-1 of src, with invalid UTF-8 replaced.
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

// Maximum size of a row group. It may exceed maxGroupBytes by one batch.
const (
	maxGroupRows  = 256 << 10
	maxGroupBytes = 64 << 20
)

// gather reads all rows of the table into row groups and passes each to write. It fills first and second alternately,
// so write may use a group in the background until its next call returns; if it does not, first and second may be the
// same. If there are no rows, write is called once, with an empty group.
func (t *Table) gather(first, second *rowGroup, write func(g *rowGroup) error) error {
	g, next := first, second
	for _, c := range t.capturesWithTable() {
		joiners := map[*rowGroup]*joiner{}
		for _, group := range []*rowGroup{first, second} {
			j, err := newJoiner(c, group.joins, &group.dictionary)
			if err != nil {
				return err
			}
			joiners[group] = j
		}
		err := t.scan(c).Run(t.ctx, func(_ int, b *format.Batch) error {
			if g.rows > 0 && (g.rows+b.Rows > maxGroupRows || g.bytes() > maxGroupBytes) {
				if err := write(g); err != nil {
					return err
				}
				g, next = next, g
				g.reset()
			}
			g.append(b, joiners[g], g.dictionary.add(t.captures.Label(c)))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return write(g)
}
