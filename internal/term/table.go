// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bufio"
	"io"
	"strings"
)

// Table formats rows of text in aligned columns. It escapes cells when they are added.
type Table struct {
	head  []string
	right []bool // align the column to the right
	rows  [][]string
	made  int // rows that make makes, after those in rows
	make  func(i int) []string
}

// NewTable makes a table with these column heads. If a head begins with ">", which is not shown, its column is aligned
// to the right, as numbers should be.
func NewTable(heads ...string) *Table {
	t := &Table{}
	for _, h := range heads {
		name, right := strings.CutPrefix(h, ">")
		t.head = append(t.head, name)
		t.right = append(t.right, right)
	}
	return t
}

// Row adds a row. Missing cells are empty, and surplus ones are dropped.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.head))
	for i := range min(len(cells), len(row)) {
		row[i] = Escape(cells[i])
	}
	t.rows = append(t.rows, row)
}

// Rows adds n rows that are made when they are written, by two calls of cells for each: a table of many rows would take
// much memory.
func (t *Table) Rows(n int, cells func(i int) []string) {
	if n <= maxKept {
		for i := range n {
			t.Row(cells(i)...)
		}
		return
	}
	t.made, t.make = n, cells
}

// maxKept is how many rows take so little memory that they are made once and kept.
const maxKept = 1 << 15

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) + t.made }

// all calls fn with each row.
func (t *Table) all(fn func(row []string)) {
	for _, row := range t.rows {
		fn(row)
	}
	row := make([]string, len(t.head))
	for n := range t.made {
		clear(row)
		for i, cell := range t.make(n) {
			if i < len(row) {
				row[i] = Escape(cell)
			}
		}
		fn(row)
	}
}

// Write writes the table to w, with indent before each line. On a terminal the heads are bold, if it has colour, and
// lines are cut at its width. Empty heads are not written.
func (t *Table) Write(w io.Writer, indent string) error {
	widths := make([]int, len(t.head))
	widen := func(row []string) {
		for i, cell := range row {
			widths[i] = max(widths[i], TextWidth(cell))
		}
	}
	widen(t.head)
	t.all(widen)
	out, colour, width := bufio.NewWriter(w), ColourOf(w), Width(w)
	if strings.Join(t.head, "") != "" {
		out.WriteString(colour.Bold(Cut(t.line(indent, t.head, widths), width)) + "\n")
	}
	t.all(func(row []string) { out.WriteString(Cut(t.line(indent, row, widths), width) + "\n") })
	return out.Flush()
}

func (t *Table) line(indent string, row []string, widths []int) string {
	var b strings.Builder
	b.WriteString(indent)
	for i, cell := range row {
		if i > 0 {
			b.WriteString("  ")
		}
		pad := strings.Repeat(" ", widths[i]-TextWidth(cell))
		if t.right[i] {
			b.WriteString(pad + cell)
		} else {
			b.WriteString(cell + pad)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
