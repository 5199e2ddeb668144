// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"io"
	"sync"

	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/parquet"
)

// writeParquet writes a Parquet file. While one row group is encoded, its columns at once, the next one is gathered.
func writeParquet(t *tableJob, path string) error {
	return writeFile(path, func(f io.Writer) error {
		buffer := bufio.NewWriterSize(f, 1<<20)
		first, second := newWide(t), newWide(t)
		out, err := parquet.NewWriter(buffer, first.schema.Columns, about(t.set), t.env.workers())
		if err != nil {
			return err
		}
		var group sync.WaitGroup
		var failed error // of the group; read after Wait
		err = t.gather(first, second, func(w *wide) error {
			if group.Wait(); failed != nil {
				return failed
			}
			group.Go(func() { failed = out.WriteGroup(w.rows, w.values()) })
			return nil
		})
		if group.Wait(); err == nil {
			err = failed
		}
		if err == nil {
			err = out.Close()
		}
		if err != nil {
			return err
		}
		return buffer.Flush()
	})
}

// about is what a file says of the captures it is from.
func about(set capture.Set) (pairs [][2]string) {
	for _, c := range set {
		m := &c.Manifest
		pairs = append(pairs, [2]string{"fletch.host", m.Host}, [2]string{"fletch.boot_id", m.BootID},
			[2]string{"fletch.kernel", m.Kernel}, [2]string{"fletch.arch", m.Arch})
	}
	return pairs
}

// values are the columns as package parquet takes them.
func (w *wide) values() []parquet.Values {
	values := make([]parquet.Values, len(w.vectors))
	for i := range values {
		values[i].Vector = &w.vectors[i]
		if w.numbered(i) {
			values[i].Numbers, values[i].Texts = w.numbers[i], w.dictionary.texts
		}
	}
	return values
}
