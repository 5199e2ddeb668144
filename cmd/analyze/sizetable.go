// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"slices"
	"strconv"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/term"
)

// sizeTable is how much there is of each table.
func sizeTable(c *capture.Capture) *term.Table {
	t := term.NewTable("table", ">rows", ">lost", ">bytes", ">bytes/row", ">segments")
	var sum format.TableInfo
	for _, name := range slices.Sorted(maps.Keys(c.Manifest.Tables)) {
		size := c.Manifest.Tables[name]
		addSize(t, name, size)
		sum.Rows += size.Rows
		sum.Lost += size.Lost
		sum.Bytes += size.Bytes
		sum.Segments += size.Segments
	}
	if t.Len() > 1 {
		addSize(t, "total", sum)
	}
	return t
}

func addSize(t *term.Table, name string, size format.TableInfo) {
	each := "-"
	if size.Rows > 0 {
		each = strconv.FormatFloat(float64(size.Bytes)/float64(size.Rows), 'f', 1, 64)
	}
	t.Row(name, term.Count(size.Rows), term.Count(size.Lost), term.Bytes(size.Bytes), each,
		term.Count(int64(size.Segments)))
}
