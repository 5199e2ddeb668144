// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"regexp"
	"regexp/syntax"

	"github.com/fletch-trace/fletch/internal/schema"
)

// Rules say what is replaced: texts of some contents as a whole, and in all others what matches a pattern.
type Rules struct {
	Names, Paths, Args, Addresses bool // texts of this content, as a whole

	Patterns    []*regexp.Regexp // in other texts, what one of these matches, or its first group; see groupOf
	Keep        []*regexp.Regexp // texts in which one of these matches stay as they are
	KeepPrivate bool             // addresses that many hosts have stay as they are: loopback, link-local, private

	Key []byte // of the tokens
}

// MinKey is the least length of a key, in bytes.
const MinKey = 16

// whole reports whether texts of this content are replaced as a whole.
func (r *Rules) whole(content schema.Content) bool {
	switch content {
	case schema.Names:
		return r.Names
	case schema.Paths:
		return r.Paths
	case schema.Args:
		return r.Args
	case schema.Addresses:
		return r.Addresses
	}
	return false
}

// anyWhole reports whether texts of any content are replaced as a whole.
func (r *Rules) anyWhole() bool { return r.Names || r.Paths || r.Args || r.Addresses }

// keeps reports whether a text stays as it is.
func (r *Rules) keeps(text string) bool {
	for _, keep := range r.Keep {
		if keep.MatchString(text) {
			return true
		}
	}
	return false
}

// groupOf returns the group of a pattern that is replaced: the first, or 0, all that matches, if it has none or repeats
// that: only the last of its matches is known then.
func groupOf(p *regexp.Regexp) int {
	var repeated func(e *syntax.Regexp, within bool) bool
	repeated = func(e *syntax.Regexp, within bool) bool {
		switch e.Op {
		case syntax.OpCapture:
			if e.Cap == 1 && within {
				return true
			}
		case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
			within = true
		}
		for _, part := range e.Sub {
			if repeated(part, within) {
				return true
			}
		}
		return false
	}
	e, err := syntax.Parse(p.String(), syntax.Perl)
	if err != nil || p.NumSubexp() == 0 || repeated(e, false) {
		return 0
	}
	return 1
}

// MatchesNothing reports whether a pattern matches texts of no length. It may do so wherever else there is something to
// match, as "(secret)??" does.
func MatchesNothing(p *regexp.Regexp) bool {
	e, err := syntax.Parse(p.String(), syntax.Perl)
	return err == nil && shortest(e) == 0
}

// shortest returns the length of the shortest text that an expression matches, but no more than 1.
func shortest(e *syntax.Regexp) int {
	switch e.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpNoMatch:
		return 1
	case syntax.OpCapture, syntax.OpPlus:
		return shortest(e.Sub[0])
	case syntax.OpRepeat:
		return min(e.Min, shortest(e.Sub[0]))
	case syntax.OpConcat:
		for _, part := range e.Sub {
			if shortest(part) > 0 {
				return 1
			}
		}
	case syntax.OpAlternate:
		for _, part := range e.Sub {
			if shortest(part) == 0 {
				return 0
			}
		}
		return 1
	}
	return 0
}
