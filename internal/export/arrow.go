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

// Write compresses by zstd, a batch a row group.
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

// batch is the rows as a batch, the joined texts written out.
func (g *rowGroup) batch() *format.Batch {
	for i := range g.vectors {
		if !g.numbered(i) {
			continue
		}
		g.vectors[i].Str.Reset()
		for _, n := range g.numbers[i] {
			g.vectors[i].Str.Append(g.dictionary.texts[n])
		}
	}
	return &format.Batch{Schema: g.schema, Rows: g.rows, Columns: g.vectors}
}
