// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/schema"
)

// tablePlan says what becomes of the columns of a table.
type tablePlan struct {
	table   *format.Table
	columns []schema.Column // that are kept, in the order of the table
	schema  *format.Schema  // of these
	dropped []Drop
}

// plan returns the plan of a table. It has no columns if the table is left out.
func plan(t *format.Table) *tablePlan {
	p := &tablePlan{table: t, schema: &format.Schema{Table: t.Schema.Table}}
	known := schema.Of(t.Schema.Table)
	if known == nil {
		p.dropped = []Drop{{Table: t.Schema.Table, Rows: t.Rows}}
		return p
	}
	for _, c := range t.Schema.Columns {
		k := known.Column(c.Name)
		if k == nil || k.Column != c || k.Content == schema.Unclassified || !canHold(c.Type, k.Content) {
			p.dropped = append(p.dropped, Drop{Table: t.Schema.Table, Column: c.Name, Rows: t.Rows})
			continue
		}
		p.columns = append(p.columns, *k)
		p.schema.Columns = append(p.schema.Columns, c)
	}
	if p.columns == nil {
		p.dropped = []Drop{{Table: t.Schema.Table, Rows: t.Rows}}
	}
	return p
}

// canHold reports whether a column of this type can be of this content: only texts are replaced, and no other type may
// have been meant to be.
func canHold(t format.Type, content schema.Content) bool {
	switch t {
	case format.Int32, format.Int64, format.Timestamp:
		return content == schema.Numbers
	case format.String, format.StringList:
		return content != schema.Numbers
	}
	return false
}

// names are those of the columns that are kept.
func (p *tablePlan) names() (names []string) {
	for _, c := range p.columns {
		names = append(names, c.Name)
	}
	return names
}

// onlyKnownWords reports whether nothing in a batch can be replaced: it has numbers and known words, as most rows have.
func (p *tablePlan) onlyKnownWords(b *format.Batch) bool {
	for i := range p.columns {
		c, v := &p.columns[i], &b.Columns[i]
		switch c.Content {
		case schema.Numbers:
			continue
		case schema.Words:
		default:
			return false
		}
		for row := range b.Rows {
			if v.Type != format.String || !isWord(c, v.Str.Bytes(row)) {
				return false
			}
		}
	}
	return true
}

// isWord reports whether a text is one of the values of a column of words, or empty.
func isWord(c *schema.Column, text []byte) bool {
	if len(text) == 0 {
		return true
	}
	for _, value := range c.Values {
		if string(text) == value {
			return true
		}
	}
	return c.Values == nil && schema.Of(string(text)) != nil // the family of a loss is a table
}

// tableWork redacts the rows of a table. It is for one goroutine.
type tableWork struct {
	*tablePlan
	replacer *replacer
	changes  []Change // by column
	out      *format.Batch
}

func newTableWork(p *tablePlan, rules *Rules) *tableWork {
	w := &tableWork{tablePlan: p, replacer: newReplacer(rules), out: format.NewBatch(p.schema)}
	for _, c := range p.columns {
		w.changes = append(w.changes, Change{Table: p.schema.Table, Column: c.Name})
	}
	return w
}

// Tokens may be much longer than what they stand for, so a batch is redacted in parts of at most so many bytes and
// elements of lists.
const (
	partBytes    = 4 << 20
	partElements = 1 << 19
)

// apply calls use with the redaction of a batch, in parts, each valid until use returns.
func (w *tableWork) apply(b *format.Batch, use func(*format.Batch) error) error {
	if w.onlyKnownWords(b) {
		return use(b)
	}
	for from := 0; from < b.Rows; {
		to, bytes, elements := from, 0, 0
		for ; to < b.Rows && (to == from || bytes < partBytes && elements < partElements); to++ {
			for i := range b.Columns {
				v := &b.Columns[i]
				first, last := textsOf(v, to)
				elements += last - first
				if last > first {
					bytes += int(v.Str.Offsets[last] - v.Str.Offsets[first])
				}
			}
		}
		w.out.Reset()
		for i := range b.Columns {
			w.column(i, &b.Columns[i], from, to)
		}
		w.out.Rows = to - from
		if err := use(w.out); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// textsOf returns which texts of a column are those of a row: from first to last-1. Columns of numbers have none.
func textsOf(v *format.Vector, row int) (first, last int) {
	switch v.Type {
	case format.String:
		return row, row + 1
	case format.StringList:
		return int(v.Rows[row]), int(v.Rows[row+1])
	}
	return 0, 0
}

// column appends the redaction of rows from to to-1 of column i.
func (w *tableWork) column(i int, v *format.Vector, from, to int) {
	dst := &w.out.Columns[i]
	switch v.Type {
	case format.Int32:
		dst.I32 = append(dst.I32, v.I32[from:to]...)
	case format.Int64, format.Timestamp:
		dst.I64 = append(dst.I64, v.I64[from:to]...)
	default:
		for row := from; row < to; row++ {
			w.texts(i, dst, v, row)
		}
	}
}

// texts appends the redaction of the texts of a row, and counts it.
func (w *tableWork) texts(i int, dst, v *format.Vector, row int) {
	change := &w.changes[i]
	change.Rows++
	replaced := false
	first, last := textsOf(v, row)
	for n := first; n < last; n++ {
		text := v.Str.Bytes(n)
		made := w.replace(&w.columns[i], text)
		if made != string(text) {
			replaced = true
			if change.From == "" {
				change.From, change.To = masked(string(text)), made
				if w.columns[i].Content != schema.Addresses {
					change.To = maskedAround(made)
				}
			}
		}
		dst.Str.Append(made)
	}
	if v.Type == format.StringList {
		dst.Rows = append(dst.Rows, int32(dst.Str.Len()))
	}
	if replaced {
		change.Replaced++
	}
}

// replace returns what stands for a text of a column.
func (w *tableWork) replace(c *schema.Column, text []byte) string {
	if c.Content != schema.Words {
		return w.replacer.text(c.Content, text)
	}
	if isWord(c, text) {
		return string(text)
	}
	return w.replacer.token(string(text)) // a forger's, or of a version that this one does not know
}

// changed returns the columns in which something was replaced.
func (w *tableWork) changed() (changes []Change) {
	for _, c := range w.changes {
		if c.Replaced > 0 {
			changes = append(changes, c)
		}
	}
	return changes
}

// knownTable reports whether this version knows a table.
func knownTable(name string) bool { return schema.Of(name) != nil }
