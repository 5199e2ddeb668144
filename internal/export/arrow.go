// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/fletch-trace/fletch/format"
)

var _ = register(arrowFormat{})

// arrowFormat is an Arrow IPC file.
type arrowFormat struct{}

func (arrowFormat) Describe() Description {
	return Description{Name: "arrow", Extension: "arrow", Help: "Arrow IPC file"}
}

// Write writes a capture of one segment, and copies that.
func (arrowFormat) Write(w io.Writer, t *Table) (err error) {
	dir := filepath.Join(t.scratch, t.Name+".capture")
	out, err := format.Create(dir, t.captures[0].Manifest, format.WriterOptions{SegmentBytes: math.MaxInt64})
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	group := newRowGroup(t)
	err = t.gather(group, group, func(g *rowGroup) error { return out.Append(g.batch(), format.Zstd) })
	if err != nil {
		return errors.Join(err, out.Abort())
	}
	if err := out.Close(func(*format.Manifest) {}); err != nil {
		return err
	}
	if n := out.Tables()[t.Name].Segments; n != 1 {
		return fmt.Errorf("%d files are needed", n)
	}
	segment, err := os.Open(filepath.Join(dir, t.Name, "000001.arrow"))
	if err != nil {
		return err
	}
	defer segment.Close()
	_, err = io.Copy(w, segment)
	return err
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
