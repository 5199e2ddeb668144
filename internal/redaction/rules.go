// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"regexp"

	"github.com/fletch-trace/fletch/internal/schema"
)

// Rules say what is replaced: texts of some contents as a whole, and in all others what matches a pattern.
type Rules struct {
	Names, Paths, Args, Addresses bool // texts of this content, as a whole

	Patterns    []*regexp.Regexp // in other texts, what one of these matches, or its first group if it has one
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
