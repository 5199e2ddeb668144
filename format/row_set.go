// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"math/bits"
	"slices"
)

// rowSet is a set of rows of a batch, a bit for each.
type rowSet []uint64

func newRowSet(rows int) rowSet { return make(rowSet, (rows+63)/64) }

func (s rowSet) add(row int32) { s[row>>6] |= 1 << (row & 63) }

// appendRows appends the rows to dst, in ascending order.
func (s rowSet) appendRows(dst []int32) []int32 {
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			dst = append(dst, int32(i<<6+bits.TrailingZeros64(word)))
		}
	}
	return dst
}

// Select returns the table without the rows that keep refuses. keep is called for
// each row in order, with a batch that has the named columns. The result reads as if
// the other rows were not there; its Bytes are those of t. A bit is kept in memory
// for each row of the batches that lose some.
func (t *Table) Select(ctx context.Context, columns []string, keep func(b *Batch, row int) bool) (*Table, error) {
	selected := *t
	selected.Segments = slices.Clone(t.Segments)
	selected.Rows = 0
	var b Batch
	var rows, before []int32
	for i := range selected.Segments {
		s := &selected.Segments[i]
		var blocks []Block
		for _, block := range s.Blocks {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err := t.Read(&b, block, columns); err != nil {
				return nil, err
			}
			rows = rows[:0]
			for row := range b.Rows {
				if keep(&b, row) {
					rows = append(rows, int32(row))
				}
			}
			if len(rows) == 0 {
				s.Rows -= int64(block.Rows)
				continue
			}
			if len(rows) < b.Rows {
				s.Rows -= int64(b.Rows - len(rows))
				block.keep(rows, &before)
			}
			blocks = append(blocks, block)
		}
		s.Blocks = blocks
		selected.Rows += s.Rows
	}
	return &selected, nil
}

// keep leaves these of the rows that Read returned. buffer is memory for it.
func (b *Block) keep(rows []int32, buffer *[]int32) {
	set := newRowSet(b.Rows)
	if b.kept != nil {
		*buffer = b.kept.appendRows((*buffer)[:0])
		set = make(rowSet, len(b.kept))
	}
	for _, row := range rows {
		if b.kept != nil {
			row = (*buffer)[row]
		}
		set.add(row)
	}
	b.kept, b.Rows = set, len(rows)
}
