// SPDX-License-Identifier: Apache-2.0

package filter

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

// ofTable returns what the name of a table says of a comparison.
func (l *leaf) ofTable(table string) truth {
	if l.name == "family" && l.wants() == text {
		return truthOf(l.texts.has([]byte(table)) != l.not)
	}
	return maybe
}
