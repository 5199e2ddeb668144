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

// Write encodes one row group, its columns at once, while the next one is gathered.
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
	var failed error // of writing; read after Wait
	err = t.gather(first, second, func(g *rowGroup) error {
		if writing.Wait(); failed != nil {
			return failed
		}
		writing.Go(func() { failed = out.WriteGroup(g.rows, g.values()) })
		return nil
	})
	if writing.Wait(); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return out.Close()
}

// properties are the key-value metadata of a file: which captures it is from.
func properties(set capture.Set) (pairs [][2]string) {
	for _, c := range set {
		m := &c.Manifest
		pairs = append(pairs, [2]string{"fletch.host", m.Host}, [2]string{"fletch.boot_id", m.BootID},
			[2]string{"fletch.kernel", m.Kernel}, [2]string{"fletch.arch", m.Arch})
	}
	return pairs
}

// values are the columns as package parquet takes them.
func (g *rowGroup) values() []parquet.Values {
	values := make([]parquet.Values, len(g.vectors))
	for i := range values {
		values[i].Vector = &g.vectors[i]
		if g.numbered(i) {
			values[i].Numbers, values[i].Texts = g.numbers[i], g.dictionary.texts
		}
	}
	return values
}
