// SPDX-License-Identifier: Apache-2.0

package export

import (
	"io"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/format/arrowtable"
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
		if g.rows == 0 {
			return nil
		}
		return out.Append(g.batch())
	})
	if err != nil {
		return err
	}
	return out.Close()
}

// batch returns the rows as a batch, with joined texts in place of their numbers.
func (g *rowGroup) batch() *format.Batch {
	for i := range g.vectors {
		if !g.isJoinedText(i) {
			continue
		}
		g.vectors[i].Str.Reset()
		for _, n := range g.textNumbers[i] {
			g.vectors[i].Str.Append(g.dictionary.texts[n])
		}
	}
	return &format.Batch{Schema: g.schema, Rows: g.rows, Columns: g.vectors}
}
