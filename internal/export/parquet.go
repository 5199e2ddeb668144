// SPDX-License-Identifier: Apache-2.0

package export

import (
	"io"
	"runtime"
	"sync"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/parquet"
)

var _ = register(parquetFormat{})

// parquetFormat is Apache Parquet.
type parquetFormat struct{}

func (parquetFormat) Describe() Description {
	return Description{Name: "parquet", Extension: "parquet", Help: "Apache Parquet, columns compressed with zstd"}
}

// Write encodes one row group, its columns in parallel, while the next one is gathered.
func (parquetFormat) Write(w io.Writer, t *Table) error {
	first, second := newRowGroup(t), newRowGroup(t)
	out, err := parquet.NewWriter(w, first.schema.Columns, properties(t.captures), runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	if first.schema.Index("ts") >= 0 {
		// Rows keep the order of the capture, CPU by CPU; where it is not that of time the file does not say so.
		if err := out.OrderBy("ts"); err != nil {
			return err
		}
	}
	var writing sync.WaitGroup
	var writeErr error // set by writing; read after Wait
	err = t.gather(first, second, func(g *rowGroup) error {
		if writing.Wait(); writeErr != nil {
			return writeErr
		}
		writing.Go(func() { writeErr = out.WriteGroup(g.rows, g.values()) })
		return nil
	})
	if writing.Wait(); err == nil {
		err = writeErr
	}
	if err != nil {
		return err
	}
	return out.Close()
}

// properties returns the key-value metadata of a file: for each capture, where it was recorded.
func properties(set capture.Set) (pairs [][2]string) {
	for _, c := range set {
		m := &c.Manifest
		pairs = append(pairs, [2]string{"fletch.host", m.Host}, [2]string{"fletch.boot_id", m.BootID},
			[2]string{"fletch.kernel", m.Kernel}, [2]string{"fletch.arch", m.Arch})
	}
	return pairs
}

// values returns the columns as package parquet takes them.
func (g *rowGroup) values() []parquet.Values {
	values := make([]parquet.Values, len(g.vectors))
	for i := range values {
		values[i].Vector = &g.vectors[i]
		if g.isJoinedText(i) {
			values[i].Numbers, values[i].Texts = g.textNumbers[i], g.dictionary.texts
		}
	}
	return values
}
