// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/format/arrowtable"
	"github.com/fletch-trace/fletch/internal/budget"
)

var _ = register(arrowFormat{})

// arrowFormat is an Arrow IPC file.
type arrowFormat struct{}

func (arrowFormat) Describe() Description {
	return Description{Name: "arrow", Extension: "arrow", Help: "Arrow IPC file"}
}

// Write writes each row group as one batch, compressed with zstd.
func (arrowFormat) Write(w io.Writer, t *Table) error {
	group := newRowGroup(t)
	out, err := arrowtable.NewFileWriter(w, arrowtable.NewSchema(group.schema, &t.captures[0].Manifest), format.Zstd)
	if err != nil {
		return err
	}
	err = t.gather(group, group, func(g *rowGroup) error {
		most := int64(min(maxGroupBytes, int(budget.Of(t.ctx).Share(groupParts))))
		return g.batches(most, func(b *format.Batch) error { return cmp.Or(context.Cause(t.ctx), out.Append(b)) })
	})
	if err != nil {
		return err
	}
	return out.Close()
}

// batches calls write with the rows, with joined texts in place of their numbers. They are one batch, unless it would
// have more than maxBytes of joined texts: then it is divided.
func (g *rowGroup) batches(maxBytes int64, write func(*format.Batch) error) error {
	for from := 0; from < g.rows; {
		for i := range g.vectors {
			if g.isJoinedText(i) {
				g.vectors[i].Str.Reset()
			}
		}
		to, bytes := from, int64(0)
		for ; to < g.rows && bytes < maxBytes; to++ {
			for i := range g.vectors {
				if g.isJoinedText(i) {
					text := g.dictionary.texts[g.textNumbers[i][to]]
					g.vectors[i].Str.Append(text)
					bytes += int64(len(text))
				}
			}
		}
		if err := write(g.slice(from, to)); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// slice returns rows from, up to but without `to`, as a batch. Its joined texts have been set.
func (g *rowGroup) slice(from, to int) *format.Batch {
	b := &format.Batch{Schema: g.schema, Rows: to - from, Columns: slices.Clone(g.vectors)}
	for i := range b.Columns {
		v := &b.Columns[i]
		switch {
		case g.isJoinedText(i) || to-from == g.rows:
		case v.Type == format.Int32:
			v.I32 = v.I32[from:to]
		case v.Type == format.StringList:
			v.Rows = v.Rows[from : to+1]
		case v.Type == format.String:
			v.Str.Offsets = v.Str.Offsets[from : to+1]
		default:
			v.I64 = v.I64[from:to]
		}
	}
	return b
}
