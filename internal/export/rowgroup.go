// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"slices"
	"unicode/utf8"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
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

// append appends the rows from, up to but without `to`, of the batch that j is bound to. label is the number in the
// dictionary of the capture's label.
func (g *rowGroup) append(b *format.Batch, from, to int, j *joiner, label int32) {
	for i, c := range g.joins {
		switch {
		case g.isOwn(i):
			appendVector(&g.vectors[i], b.Column(g.joins[i].Source), from, to)
		case c.Name == "":
			g.textNumbers[i] = append(g.textNumbers[i], slices.Repeat([]int32{label}, to-from)...)
		case g.isJoinedText(i):
			g.textNumbers[i] = j.appendNumbers(g.textNumbers[i], i, from, to)
		default:
			j.appendValues(&g.vectors[i], i, from, to)
		}
	}
	g.rows += to - from
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

// appendVector appends the values of rows from, up to but without `to`, of src, with invalid UTF-8 replaced.
func appendVector(dst, src *format.Vector, from, to int) {
	switch src.Type {
	case format.Int32:
		dst.I32 = append(dst.I32, src.I32[from:to]...)
	case format.Int64, format.Timestamp:
		dst.I64 = append(dst.I64, src.I64[from:to]...)
	case format.StringList:
		first := int32(dst.Str.Len()) - src.Rows[from]
		for _, end := range src.Rows[from+1 : to+1] {
			dst.Rows = append(dst.Rows, first+end)
		}
		appendTexts(&dst.Str, &src.Str, int(src.Rows[from]), int(src.Rows[to]))
	case format.String:
		appendTexts(&dst.Str, &src.Str, from, to)
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

// Maximum size of a row group. It may exceed the bytes by a few rows.
const (
	maxGroupRows  = 256 << 10
	maxGroupBytes = 64 << 20
)

// groupParts is how many times the bytes of a row group there is memory for: two are filled and written in turn, and
// columns are encoded and compressed in memory of their own.
const groupParts = 12

// rowStep is how many rows are appended to a group before its size is looked at.
const rowStep = 256

// gather reads all rows of the table into row groups and passes each to write. It fills first and second alternately,
// so write may use a group in the background until its next call returns; if it does not, first and second may be the
// same. If there are no rows, write is called once, with an empty group.
func (t *Table) gather(first, second *rowGroup, write func(g *rowGroup) error) error {
	f := &filler{ctx: t.ctx, write: write, group: first, next: second,
		maxBytes: min(maxGroupBytes, int(budget.Of(t.ctx).Share(groupParts)))}
	for _, c := range t.capturesWithTable() {
		f.joiners = map[*rowGroup]*joiner{}
		for _, group := range []*rowGroup{first, second} {
			j, err := newJoiner(c, group.joins, &group.dictionary)
			if err != nil {
				return err
			}
			f.joiners[group] = j
		}
		label := []byte(t.captures.Label(c))
		if err := t.scan(c).Run(t.ctx, func(_ int, b *format.Batch) error { return f.fill(b, label) }); err != nil {
			return err
		}
	}
	return write(f.group)
}

// filler divides rows into groups.
type filler struct {
	ctx         context.Context
	write       func(g *rowGroup) error
	group, next *rowGroup // that is filled, and that is filled next
	joiners     map[*rowGroup]*joiner
	maxBytes    int
}

// fill appends the rows of a batch, after writing the group if it has become too large. A batch is only divided if it
// is large itself.
func (f *filler) fill(b *format.Batch, label []byte) error {
	if f.group.rows+b.Rows > maxGroupRows && f.group.rows > 0 {
		if err := f.turn(); err != nil {
			return err
		}
	}
	step := b.Rows
	if b.Rows > maxGroupRows || b.Bytes() > int64(f.maxBytes) {
		step = rowStep
	}
	for from := 0; from < b.Rows; from += step {
		if f.group.rows > 0 && (f.group.rows+step > maxGroupRows || f.group.bytes() > f.maxBytes) {
			if err := f.turn(); err != nil {
				return err
			}
		}
		g := f.group
		f.joiners[g].bind(b)
		g.append(b, from, min(from+step, b.Rows), f.joiners[g], g.dictionary.add(label))
	}
	return nil
}

// turn writes the group and begins the next one.
func (f *filler) turn() error {
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	if err := f.write(f.group); err != nil {
		return err
	}
	f.group, f.next = f.next, f.group
	f.group.reset()
	if f.group.dictionary.bytes > f.maxBytes/4 {
		f.group.dictionary = dictionary{}
		f.joiners[f.group].forget()
	}
	return nil
}
