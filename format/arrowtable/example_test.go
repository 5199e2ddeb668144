// SPDX-License-Identifier: Apache-2.0

package arrowtable_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/format/arrowtable"
)

// sample writes a capture of ten batches of ten calls each, a millisecond apart, and opens it.
func sample() (c *format.Capture, remove func()) {
	dir, err := os.MkdirTemp("", "fletch")
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "capture")
	w, err := format.Create(path, format.Manifest{Host: "web1"}, format.WriterOptions{})
	if err != nil {
		log.Fatal(err)
	}
	b := format.NewBatch(&format.Schema{Table: "call", Columns: []format.Column{
		{Name: "ts", Type: format.Timestamp}, {Name: "ret", Type: format.Int64}, {Name: "name", Type: format.String},
	}})
	for i := range 100 {
		ts := 1_800_000_000_000_000_000 + int64(i)*1_000_000
		if err := b.AppendRow(map[string]any{"ts": ts, "ret": int64(i), "name": fmt.Sprint("call", i)}); err != nil {
			log.Fatal(err)
		}
		if b.Rows == 10 {
			if err := w.Append(b, format.Zstd); err != nil {
				log.Fatal(err)
			}
			b.Reset()
		}
	}
	if err := w.Close(nil); err != nil {
		log.Fatal(err)
	}
	if c, err = format.Open(path); err != nil {
		log.Fatal(err)
	}
	return c, func() { c.Close(); os.RemoveAll(dir) }
}

// Reads two columns of a table, within a time range, as records.
func ExampleNewReader() {
	c, remove := sample()
	defer remove()

	r, err := arrowtable.NewReader(c, "call", arrowtable.Options{
		Columns: []string{"ret", "name"},
		From:    time.Unix(1_800_000_000, 18_000_000),
		To:      time.Unix(1_800_000_000, 21_000_000),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Release()
	for r.Next() {
		ret, name := r.Record().Column(0).(*array.Int64), r.Record().Column(1).(*array.String)
		fmt.Println(r.Record().NumRows(), "rows:", ret.Int64Values(), name)
	}
	if err := r.Err(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 2 rows: [18 19] ["call18" "call19"]
	// 2 rows: [20 21] ["call20" "call21"]
}

// Writes a table as an IPC stream, which every Arrow library reads.
func ExampleWriteStream() {
	c, remove := sample()
	defer remove()

	r, err := arrowtable.NewReader(c, "call", arrowtable.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Release()
	var stream bytes.Buffer
	if err := arrowtable.WriteStream(context.Background(), &stream, r, format.Zstd); err != nil {
		log.Fatal(err)
	}

	in, err := ipc.NewReader(&stream)
	if err != nil {
		log.Fatal(err)
	}
	defer in.Release()
	rows := int64(0)
	for in.Next() {
		rows += in.Record().NumRows()
	}
	fmt.Println(rows, "rows of", in.Schema().Fields())
	// Output: 100 rows of [ts: type=timestamp[ns, tz=UTC] ret: type=int64 name: type=utf8]
}
