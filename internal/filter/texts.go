// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"bytes"
	"regexp"
)

type textOp uint8

const (
	textIs textOp = iota // one of words
	textContains
	textStarts
	textEnds
	textMatches
)

// texts is a set of texts, given by an operator and its operand.
type texts struct {
	op     textOp
	words  [][]byte       // for textIs any number, else one
	regexp *regexp.Regexp // for textMatches
}

func (t *texts) has(s []byte) bool {
	switch t.op {
	case textContains:
		return bytes.Contains(s, t.words[0])
	case textStarts:
		return bytes.HasPrefix(s, t.words[0])
	case textEnds:
		return bytes.HasSuffix(s, t.words[0])
	case textMatches:
		return t.regexp.Match(s)
	}
	for _, w := range t.words {
		if bytes.Equal(s, w) {
			return true
		}
	}
	return false
}
