// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"regexp"
	"strings"
)

// socketName is the name of a socket in table path: the protocol, and in brackets a unix name behind inodes, an address
// or two, or only numbers and words of the kernel.
var socketName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9/_-]*:\[)(?:` +
	`([0-9]+(?:->[0-9]+)?,@?")(.*)("\])|` +
	`\[?([0-9a-f:.]+)(\]?:[0-9]+)(?:(->\[?)([0-9a-f:.]+)(\]?:[0-9]+))?\]|` +
	`(?:[A-Z0-9_]+:)?[0-9]+(?:->[0-9]+)?\])$`)

// socket returns the name of a socket with tokens in place of its addresses and its path, as the rules say; ok is false
// if the text is none.
func (r *replacer) socket(text string) (made string, ok bool) {
	m := socketName.FindStringSubmatch(text)
	switch {
	case m == nil:
		return "", false
	case m[2] != "":
		if r.rules.Paths {
			m[3] = r.tokens(m[3])
		}
		return m[1] + m[2] + m[3] + m[4], true
	case m[5] != "":
		open := ""
		if strings.HasPrefix(m[6], "]") {
			open = "["
		}
		if r.rules.Addresses {
			m[5] = r.address(m[5])
			if m[8] != "" {
				m[8] = r.address(m[8])
			}
		}
		return m[1] + open + m[5] + m[6] + m[7] + m[8] + m[9] + "]", true
	}
	return text, true
}
