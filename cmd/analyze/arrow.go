// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/fletch-trace/fletch/format"
)

// writeArrow writes an Arrow IPC file, as package format writes a segment.
func writeArrow(t *tableJob, path string) (err error) {
	dir := path + ".capture"
	out, err := format.Create(dir, t.set[0].Manifest, format.WriterOptions{SegmentBytes: math.MaxInt64})
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	first := newWide(t)
	err = t.gather(first, first, func(w *wide) error { return out.Append(w.batch(), format.Zstd) })
	if err != nil {
		return errors.Join(err, out.Abort())
	}
	if err := out.Close(func(*format.Manifest) {}); err != nil {
		return err
	}
	if n := out.Tables()[t.name].Segments; n != 1 {
		return fmt.Errorf("%d files are needed", n)
	}
	return os.Rename(filepath.Join(dir, t.name, "000001.arrow"), path)
}

// batch is the rows as a batch, the joined texts written out.
func (w *wide) batch() *format.Batch {
	for i := range w.vectors {
		if !w.numbered(i) {
			continue
		}
		w.vectors[i].Str.Reset()
		for _, n := range w.numbers[i] {
			w.vectors[i].Str.Append(w.dictionary.texts[n])
		}
	}
	return &format.Batch{Schema: w.schema, Rows: w.rows, Columns: w.vectors}
}
