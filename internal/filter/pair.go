// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"bytes"
	"cmp"

	"github.com/fletch-trace/fletch/format"
)

// pair is the comparison of a name with another name.
type pair struct {
	other string
	op    string // a comparison of numbers, or of texts: == != contains startsWith endsWith
	kinds kinds  // number, text or both: what the names may have in common
}

// operand is where the values of one name of a pair come from.
type operand struct {
	source source
	column format.Column // of the table: the values, or the ids or call numbers that lead to them; none for sourceTable
	join   *join         // sourceJoin
	text   []byte        // sourceTable: the name of the table; else a buffer
}

// bindPair resolves the names of a pair. Names that are numbers in this table are compared as numbers, so columns of
// ids by their ids; else as texts.
func (b *Bound) bindPair(l *leaf, table *format.Schema) (*step, error) {
	for _, k := range []kinds{number, text} {
		if l.pair.kinds&k == 0 {
			continue
		}
		left, err := b.operand(l.name, k, table)
		if err != nil {
			return nil, err
		}
		right, err := b.operand(l.pair.other, k, table)
		if err != nil {
			return nil, err
		}
		if left != nil && right != nil {
			return newPairStep(l, k, left, right), nil
		}
	}
	return &step{op: opConst}, nil
}

// operand resolves a name as values of kind number or text. It is nil if the table has no such values.
func (b *Bound) operand(name string, k kinds, table *format.Schema) (*operand, error) {
	fits := func(t format.Type) bool { return k == number && isNumber(t) || k == text && t == format.String }
	if name == "family" && k == text {
		return &operand{source: sourceTable, text: []byte(table.Table)}, nil
	}
	if own, ok := ownColumn(table, name); ok && fits(own.Type) {
		o := &operand{source: sourceNumber, column: own}
		if k == text {
			o.source = sourceText
		}
		return o, nil
	}
	source, column, join, err := b.joined(name, fits, table)
	if join == nil && source != sourceCall || err != nil {
		return nil, err
	}
	return &operand{source: source, column: column, join: join}, nil
}

// newPairStep compares two operands. If both are values of the table, or the results differ from row to row, it does
// so for each row; if one id leads to both, once for each id.
func newPairStep(l *leaf, k kinds, left, right *operand) *step {
	s := &step{op: opLeaf, leaf: l, source: sourcePair, kind: k, column: left.column, left: left, right: right, cost: 8}
	id := left.column
	if left.source == sourceTable {
		s.column, id = right.column, right.column
	}
	joined := left.source == sourceJoin || left.source == sourceCall || right.source == sourceJoin ||
		right.source == sourceCall
	switch {
	case left.source == sourceTable && right.source == sourceTable:
		return &step{op: opConst, value: s.texts(left.text, right.text) != l.not}
	case left.source == sourceNumber && right.source == sourceNumber:
		s.cost = 2
	case joined && (right.source == sourceTable || right.column == id):
		s.source, s.cost = sourceBoth, 4
	}
	return s
}

// pairOf evaluates a pair for a row of a batch, without leaf.not.
func (b *Bound) pairOf(s *step, batch *format.Batch, row int) bool {
	if s.kind == number {
		return s.numbers(s.left.number(s.left.idOf(batch, row)), s.right.number(s.right.idOf(batch, row)))
	}
	return s.texts(s.left.textOf(b, batch, row), s.right.textOf(b, batch, row))
}

// bothOf evaluates a pair whose values one id leads to, without leaf.not. known is false if one of the rows is unknown
// (yet).
func (b *Bound) bothOf(s *step, id int64) (holds, known bool) {
	if known = s.left.known(id) && s.right.known(id); s.kind == number {
		return s.numbers(s.left.number(id), s.right.number(id)), known
	}
	return s.texts(s.left.joinedText(b, id), s.right.joinedText(b, id)), known
}

// numbers evaluates the operator of a pair of numbers.
func (s *step) numbers(x, y int64) bool {
	switch c := cmp.Compare(x, y); s.leaf.pair.op {
	case "==":
		return c == 0
	case "!=":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	default:
		return c >= 0
	}
}

// texts evaluates the operator of a pair of texts.
func (s *step) texts(x, y []byte) bool {
	switch s.leaf.pair.op {
	case "==":
		return bytes.Equal(x, y)
	case "!=":
		return !bytes.Equal(x, y)
	case "contains":
		return bytes.Contains(x, y)
	case "startsWith":
		return bytes.HasPrefix(x, y)
	default:
		return bytes.HasSuffix(x, y)
	}
}

// idOf is the integer in the operand's column of the table: the value itself, or what leads to it.
func (o *operand) idOf(batch *format.Batch, row int) int64 {
	if v := batch.Column(o.column.Name); v.Type == format.Int32 {
		return int64(v.I32[row])
	} else {
		return v.I64[row]
	}
}

// known reports whether the row that an id leads to is known. Nothing is known of id 0, and that will not change.
func (o *operand) known(id int64) bool {
	if o.source != sourceJoin || id == 0 {
		return true
	}
	_, _, ok := o.join.follow(id)
	return ok
}

// number is the value that an integer of the table stands for, 0 if the row it leads to is unknown.
func (o *operand) number(id int64) int64 {
	if o.source != sourceJoin {
		return id
	}
	v, row, ok := o.join.follow(id)
	switch {
	case !ok:
		return 0
	case v.Type == format.Int32:
		return int64(v.I32[row])
	}
	return v.I64[row]
}

func (o *operand) textOf(b *Bound, batch *format.Batch, row int) []byte {
	switch o.source {
	case sourceTable:
		return o.text
	case sourceText:
		return batch.Column(o.column.Name).Str.Bytes(row)
	}
	return o.joinedText(b, o.idOf(batch, row))
}

// joinedText is the text that an id or call number stands for, empty if it is unknown.
func (o *operand) joinedText(b *Bound, id int64) []byte {
	switch o.source {
	case sourceTable:
		return o.text
	case sourceCall:
		o.text = append(o.text[:0], b.env.CallName(int32(id))...)
		return o.text
	}
	if v, row, ok := o.join.follow(id); ok {
		return v.Str.Bytes(row)
	}
	return nil
}
