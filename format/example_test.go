// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fletch-trace/fletch/format"
)

// requests is the schema of a table that the examples write.
var requests = &format.Schema{Table: "request", Columns: []format.Column{
	{Name: "ts", Type: format.Timestamp},
	{Name: "cpu", Type: format.Int32},
	{Name: "task", Type: format.Int32},
	{Name: "duration_ns", Type: format.Int64},
	{Name: "path", Type: format.String},
	{Name: "tags", Type: format.StringList},
}}

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// writeRequests writes a capture of ten batches with a hundred requests each, one a millisecond.
func writeRequests(path string) error {
	w, err := format.Create(path, format.Manifest{Host: "web1", Start: start}, format.WriterOptions{})
	if err != nil {
		return err
	}
	b := format.NewBatch(requests)
	for i := range 1000 {
		ts, cpu, task := &b.Columns[0], &b.Columns[1], &b.Columns[2]
		duration, path, tags := &b.Columns[3], &b.Columns[4], &b.Columns[5]
		ts.I64 = append(ts.I64, start.Add(time.Duration(i)*time.Millisecond).UnixNano())
		cpu.I32 = append(cpu.I32, int32(i%4))
		task.I32 = append(task.I32, 17)
		duration.I64 = append(duration.I64, int64(1000*i))
		path.Str.Append(fmt.Sprintf("/item/%d", i))
		tags.Str.Append("get")
		tags.Rows = append(tags.Rows, int32(tags.Str.Len()))
		if b.Rows++; b.Rows < 100 {
			continue
		}
		if err := w.Append(b, format.Zstd); err != nil {
			return err
		}
		b.Reset()
	}
	return w.Close(nil)
}

// temporary returns a path for the capture of an example.
func temporary() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "fletch")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(dir, "capture"), func() { os.RemoveAll(dir) }
}

// A table is written in batches, here row by row; see Vector for columns that are filled directly.
func ExampleCreate() {
	path, remove := temporary()
	defer remove()

	w, err := format.Create(path, format.Manifest{Host: "web1", Start: time.Now().UTC()}, format.WriterOptions{})
	if err != nil {
		log.Fatal(err)
	}
	b := format.NewBatch(requests)
	for i, url := range []string{"/", "/style.css"} {
		err := b.AppendRow(map[string]any{
			"ts": time.Now().UnixNano(), "duration_ns": int64(1500 * (i + 1)), "path": url,
			"tags": []string{"get", "cold"},
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Append(b, format.Zstd); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Tables()["request"].Rows, "rows")
	// Output: 2 rows
}

// A capture that was never finished opens too; Manifest.Complete tells them apart.
func ExampleOpen() {
	path, remove := temporary()
	defer remove()
	if err := writeRequests(path); err != nil {
		log.Fatal(err)
	}

	c, err := format.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println("of", c.Manifest.Host, "complete:", c.Manifest.Complete)
	for _, err := range c.Damage() {
		fmt.Println("damaged:", err)
	}
	for _, t := range c.Tables() {
		fmt.Println(t.Schema.Table, "has", t.Rows, "rows in", len(t.Blocks()), "batches")
		for _, column := range t.Schema.Columns {
			fmt.Println(" ", column.Name, column.Type)
		}
	}
	// Output:
	// of web1 complete: true
	// request has 1000 rows in 10 batches
	//   ts timestamp[ns, UTC]
	//   cpu int32
	//   task int32
	//   duration_ns int64
	//   path utf8
	//   tags list<utf8>
}

// Reads three columns of the batches in a time range. Other columns and batches are neither read nor decoded.
func ExampleTable_Scan() {
	path, remove := temporary()
	defer remove()
	if err := writeRequests(path); err != nil {
		log.Fatal(err)
	}
	c, err := format.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	t := c.Table("request")
	if err := t.Schema.Check(requests.Columns...); err != nil {
		log.Fatal(err) // columns of other types: the capture may come from anywhere
	}
	from := start.Add(250 * time.Millisecond).UnixNano()
	to := start.Add(420 * time.Millisecond).UnixNano()
	within := t.Between(from, to)
	var rows, sum, read atomic.Int64 // several batches are worked on at once
	err = within.Scan(context.Background(), []string{"ts", "path", "duration_ns"}, 0,
		func(_ int, b *format.Batch) error {
			read.Add(int64(b.Rows))
			ts, duration, path := b.Column("ts").I64, b.Column("duration_ns").I64, b.Column("path")
			for i := range b.Rows {
				if ts[i] < from || ts[i] > to {
					continue // the batch begins before the range, or ends after it
				}
				rows.Add(1)
				sum.Add(duration[i])
				if ts[i] == from {
					fmt.Println("the first is", path.Str.At(i))
				}
			}
			return nil
		})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rows.Load(), "of", read.Load(), "rows, together", time.Duration(sum.Load()))
	// Output:
	// the first is /item/250
	// 171 of 300 rows, together 57.285ms
}
