// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/fletch-trace/fletch/format"
)

const magic = "PAR1"

// Values are the rows of one column: of the vector, or texts by their numbers.
type Values struct {
	*format.Vector
	Numbers []int32  // not nil: row i is Texts[Numbers[i]]
	Texts   []string // UTF-8
}

// Writer writes one file. Texts that it is given are UTF-8.
type Writer struct {
	w       io.Writer
	columns []format.Column
	pairs   [][2]string
	at      int64 // bytes written
	rows    int64
	groups  []group
	workers []encoder
}

// group is what the footer says of a row group.
type group struct {
	rows   int
	start  int64
	chunks []chunk
}

// NewWriter begins a file with these columns. pairs are keys and values about it. Columns are encoded by `workers` at once.
func NewWriter(w io.Writer, columns []format.Column, pairs [][2]string, workers int) (*Writer, error) {
	out := &Writer{w: w, columns: columns, pairs: pairs, workers: make([]encoder, max(workers, 1))}
	for _, c := range columns {
		if c.Type < format.Int32 || c.Type > format.StringList {
			return nil, fmt.Errorf("column %s: unknown type %v", c.Name, c.Type)
		}
	}
	return out, out.write([]byte(magic))
}

func (w *Writer) write(b []byte) error {
	n, err := w.w.Write(b)
	w.at += int64(n)
	return err
}

var errGroup = errors.New("a row group needs all columns and no more than 2 GiB of one")

// WriteGroup writes a row group. It keeps nothing of columns.
func (w *Writer) WriteGroup(rows int, columns []Values) error {
	if len(columns) != len(w.columns) || rows > math.MaxInt32 {
		return errGroup
	}
	g := group{rows: rows, start: w.at, chunks: make([]chunk, len(columns))}
	errs := make([]error, len(w.workers))
	var busy sync.WaitGroup
	todo := make(chan int, len(columns))
	for i := range columns {
		todo <- i
	}
	close(todo)
	for n := range w.workers {
		busy.Go(func() {
			for i := range todo {
				err := w.workers[n].encode(&g.chunks[i], w.columns[i], rows, &columns[i])
				if err != nil {
					errs[n] = fmt.Errorf("column %s: %w", w.columns[i].Name, err)
				}
			}
		})
	}
	busy.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i := range g.chunks {
		c := &g.chunks[i]
		c.start = w.at
		if err := w.write(c.bytes); err != nil {
			return err
		}
		c.bytes = nil
	}
	w.rows += int64(rows)
	w.groups = append(w.groups, g)
	return nil
}

// Close writes the footer. It does not close what the file is written to.
func (w *Writer) Close() error {
	footer := w.footer()
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	return w.write(append(footer, magic...))
}
