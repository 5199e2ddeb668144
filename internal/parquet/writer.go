// SPDX-License-Identifier: Apache-2.0

package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/fletch-trace/fletch/format"
)

const magic = "PAR1"

// Values are the rows of one column of a row group: those of the vector or, for a String column whose texts repeat,
// indexes into Texts.
type Values struct {
	*format.Vector
	Numbers []int32  // if not nil, row i is Texts[Numbers[i]]
	Texts   []string // UTF-8; not every one needs to be in a row
}

// Writer writes one file. The texts that it is given must be valid UTF-8, which it does not check. It must not be used
// by two goroutines at the same time.
type Writer struct {
	w       io.Writer
	columns []format.Column
	pairs   [][2]string
	at      int64 // bytes written
	rows    int64
	orderBy int // the column; -1: none
	groups  []group
	workers []encoder
}

// group has the metadata of a row group for the footer.
type group struct {
	rows   int
	sorted bool // by the column Writer.orderBy
	start  int64
	chunks []chunk
}

// NewWriter begins a file with these columns. pairs are the keys and values of its metadata. Up to workers columns are
// encoded in parallel; the file does not depend on how many. It fails if a column has an unknown type, or if w fails.
func NewWriter(w io.Writer, columns []format.Column, pairs [][2]string, workers int) (*Writer, error) {
	out := &Writer{w: w, columns: columns, pairs: pairs, orderBy: -1, workers: make([]encoder, max(workers, 1))}
	for _, c := range columns {
		if c.Type < format.Int32 || c.Type > format.StringList {
			return nil, fmt.Errorf("column %s: unknown type %v", c.Name, c.Type)
		}
	}
	return out, out.write([]byte(magic))
}

// OrderBy names an integer column by which rows may be sorted, ascending. WriteGroup looks whether they are, and marks
// the row group in the file (sorting_columns), for readers that search in sorted rows. It must be called before the
// first WriteGroup, and fails if there is no such column.
func (w *Writer) OrderBy(name string) error {
	i := slices.IndexFunc(w.columns, func(c format.Column) bool { return c.Name == name })
	if i < 0 || physicalType(w.columns[i].Type) == typeByteArray {
		return fmt.Errorf("no integer column %s to be sorted by", name)
	}
	w.orderBy = i
	return nil
}

// sorted reports whether the rows of a group are sorted by the column of OrderBy.
func (w *Writer) sorted(columns []Values) bool {
	if w.orderBy < 0 {
		return false
	}
	v := columns[w.orderBy].Vector
	return slices.IsSorted(v.I32) && slices.IsSorted(v.I64)
}

func (w *Writer) write(b []byte) error {
	n, err := w.w.Write(b)
	w.at += int64(n)
	return err
}

var errGroup = errors.New("a row group needs all columns and no more than 2 GiB of one")

// WriteGroup writes a row group of rows rows; columns[i] is column i of the file, and may be reused afterwards. Without
// rows it writes nothing. It fails if columns are not those of the file, or if a page would take more than 2 GiB. After
// an error of w the file cannot be continued.
func (w *Writer) WriteGroup(rows int, columns []Values) error {
	if len(columns) != len(w.columns) || rows > math.MaxInt32 {
		return errGroup
	}
	if rows == 0 {
		return nil
	}
	g := group{rows: rows, start: w.at, chunks: make([]chunk, len(columns))}
	errs := make([]error, len(w.workers))
	var wg sync.WaitGroup
	pending := make(chan int, len(columns))
	for i := range columns {
		pending <- i
	}
	close(pending)
	for n := range w.workers {
		wg.Go(func() {
			for i := range pending {
				err := w.workers[n].encode(&g.chunks[i], w.columns[i], rows, &columns[i])
				if err != nil {
					errs[n] = fmt.Errorf("column %s: %w", w.columns[i].Name, err)
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i := range g.chunks {
		c := &g.chunks[i]
		c.start = w.at
		c.offsetIndex = encodeOffsetIndex(c.pages, c.start)
		if err := w.write(c.bytes); err != nil {
			return err
		}
		c.bytes, c.pages = nil, nil
	}
	g.sorted = w.sorted(columns)
	w.rows += int64(rows)
	w.groups = append(w.groups, g)
	return nil
}

// writeIndexes writes the indexes of all chunks, one kind after the other.
func (w *Writer) writeIndexes() error {
	for kind := range 2 {
		for g := range w.groups {
			for i := range w.groups[g].chunks {
				c := &w.groups[g].chunks[i]
				c.indexes[kind] = w.at
				if err := w.write([][]byte{c.columnIndex, c.offsetIndex}[kind]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Close writes the indexes of the pages and the footer. It does not close the underlying writer.
func (w *Writer) Close() error {
	if err := w.writeIndexes(); err != nil {
		return err
	}
	footer := w.footer()
	footer = binary.LittleEndian.AppendUint32(footer, uint32(len(footer)))
	return w.write(append(footer, magic...))
}
