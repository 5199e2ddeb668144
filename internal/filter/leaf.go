// SPDX-License-Identifier: Apache-2.0

package filter

import "github.com/fletch-trace/fletch/format"

// leaf is one comparison of a name with constants or with another name. Exactly one of numbers, texts and pair is set.
type leaf struct {
	name    string
	numbers *numbers
	texts   *texts
	pair    *pair
	member  bool // "text" in name: an element of a list is compared with texts
	not     bool // != or not in: the result is negated, but what the table does not have is still false
}

// wants returns what kind of column the comparison is about.
func (l *leaf) kind() kinds {
	switch {
	case l.member:
		return list
	case l.texts != nil:
		return text
	}
	return number
}

// fits reports whether values of a type can be compared.
func (l *leaf) fits(t format.Type) bool {
	switch t {
	case format.String:
		return l.kind() == text
	case format.StringList:
		return l.kind() != number
	}
	return isNumber(t) && l.kind() == number
}

// holdsNothing is holds for the value that is missing: the row that an id leads to is unknown, so its numbers are 0 and
// its texts are empty.
func (l *leaf) holdsNothing() bool {
	switch {
	case l.numbers != nil:
		return l.numbers.has(0)
	case l.member:
		return false
	}
	return l.texts.has(nil)
}

// holds reports whether a value, whose type fits, is in the set of numbers or texts, regardless of not. scratch is a
// buffer.
func (l *leaf) holds(v *format.Vector, row int, scratch *[]byte) bool {
	switch {
	case v.Type == format.Int32:
		return l.numbers.has(int64(v.I32[row]))
	case v.Type != format.String && v.Type != format.StringList:
		return l.numbers.has(v.I64[row])
	case v.Type == format.String:
		return l.texts.has(v.Str.Bytes(row))
	case l.member:
		for e := v.Rows[row]; e < v.Rows[row+1]; e++ {
			if l.texts.has(v.Str.Bytes(int(e))) {
				return true
			}
		}
		return false
	}
	line := (*scratch)[:0]
	for e := v.Rows[row]; e < v.Rows[row+1]; e++ {
		if e > v.Rows[row] {
			line = append(line, ' ')
		}
		line = append(line, v.Str.Bytes(int(e))...)
	}
	*scratch = line
	return l.texts.has(line)
}

// ofTable returns what is known of a comparison for all rows of a table.
func (l *leaf) ofTable(table string) truth {
	if l.name == "family" && l.pair == nil && l.kind() == text {
		return truthOf(l.texts.has([]byte(table)) != l.not)
	}
	return maybe
}
