// SPDX-License-Identifier: Apache-2.0

package filter

import "github.com/fletch-trace/fletch/format"

// leaf is one comparison of a name. Exactly one of numbers, texts and other is set.
type leaf struct {
	name    string
	numbers *numbers
	texts   *texts
	other   string // the name of a number to compare with, by op
	op      string
	member  bool // texts is about one element of a list
	not     bool // != or not in: true of what there is and does not match
}

// wants returns what kind of column the comparison is about.
func (l *leaf) wants() kinds {
	switch {
	case l.member:
		return list
	case l.texts != nil:
		return text
	}
	return number
}

// fits says whether the comparison can be about values of a type.
func (l *leaf) fits(t format.Type) bool {
	switch t {
	case format.String:
		return l.wants() == text
	case format.StringList:
		return l.wants() != number
	}
	return isNumber(t) && l.wants() == number
}

// holds says whether a value, which fits, is one of those compared with. scratch is memory that it may use.
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

// ofTable returns what the name of a table says of a comparison.
func (l *leaf) ofTable(table string) truth {
	if l.name == "family" && l.wants() == text {
		return truthOf(l.texts.has([]byte(table)) != l.not)
	}
	return maybe
}
