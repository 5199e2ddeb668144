// SPDX-License-Identifier: Apache-2.0

package redaction

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fletch-trace/fletch/internal/schema"
)

const (
	// mark begins each token.
	mark = "_"
	// tokenDigits is the length of a token without its mark: 65 bits, so that of a million texts no two are likely to
	// get the same one. A token fits into the 15 bytes of a thread's name.
	tokenDigits = 13
	// shortDigits is the same of a word of at most shortWord bytes: 40 bits. The longest list of arguments that a
	// recorder keeps, of single characters, would become longer than FORMAT.md allows with longer ones.
	shortDigits = 8
	shortWord   = 4
	// maxText is the longest text whose structure is kept, in bytes; FORMAT.md allows no longer ones.
	maxText = 64 << 10
	// maxCached is how many bytes of texts and their replacements are kept at most.
	maxCached = 16 << 20
)

var digits = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// replacer replaces texts. It is for one goroutine.
type replacer struct {
	rules  *Rules
	groups []int // of each pattern: the group that is replaced
	mac    hash.Hash
	cache  [schema.Addresses + 1]map[string]string // by content and text
	cached int                                     // bytes

	maxCached int // bytes
}

func newReplacer(rules *Rules) *replacer {
	r := &replacer{rules: rules, mac: hmac.New(sha256.New, rules.Key), maxCached: maxCached}
	for _, p := range rules.Patterns {
		r.groups = append(r.groups, groupOf(p))
	}
	return r
}

// text returns what stands for a text of this content.
func (r *replacer) text(content schema.Content, text []byte) string {
	if known, ok := r.cache[content][string(text)]; ok {
		return known
	}
	made := r.make(content, valid(text))
	const entry = 100 // of a map
	if r.cached += len(text) + len(made) + entry; r.cached > r.maxCached {
		clear(r.cache[:])
		r.cached = len(text) + len(made) + entry
	}
	if r.cache[content] == nil {
		r.cache[content] = map[string]string{}
	}
	r.cache[content][string(text)] = made
	return made
}

// valid returns a text in which bytes that are not UTF-8 are written as the recorder writes them: \xNN.
func valid(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	var b strings.Builder
	for len(text) > 0 {
		c, n := utf8.DecodeRune(text)
		if c == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, text[0])
		} else {
			b.Write(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

// make is text without the cache.
func (r *replacer) make(content schema.Content, text string) string {
	if content == schema.Addresses && strings.ContainsAny(text[:min(len(text), 1)], "/@") {
		content = schema.Paths // of a unix socket
	}
	switch {
	case text == "" || r.rules.keeps(text):
		return text
	case content == schema.Addresses:
		if !r.rules.whole(content) && !r.matches(text) {
			return text
		}
		return r.address(text)
	case content == schema.Paths && objects.MatchString(text):
		return r.patterns(text)
	case content == schema.Paths:
		if made, ok := r.socket(text); ok {
			text = made
		} else if r.rules.Paths {
			return r.tokens(text)
		}
	case r.rules.whole(content):
		return r.tokens(text)
	}
	return r.patterns(text)
}

// matches reports whether a pattern matches in a text.
func (r *replacer) matches(text string) bool {
	return slices.ContainsFunc(r.rules.Patterns, func(p *regexp.Regexp) bool { return p.MatchString(text) })
}

// patterns returns a text in which what the patterns match is replaced. All of them see the original: what one replaces
// may be what another one knows a secret by.
func (r *replacer) patterns(text string) string {
	var found [][2]int
	for i, p := range r.rules.Patterns {
		for _, m := range p.FindAllStringSubmatchIndex(text, -1) {
			from, to := m[2*r.groups[i]], m[2*r.groups[i]+1]
			// The group may have taken no part in the match: what it was to find is then somewhere else in that.
			if from < 0 || from == to {
				from, to = m[0], m[1]
			}
			if from < to {
				found = append(found, [2]int{from, to})
			}
		}
	}
	slices.SortFunc(found, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	var b strings.Builder
	end := 0
	for i := 0; i < len(found); {
		from, to := found[i][0], found[i][1]
		for i++; i < len(found) && found[i][0] < to; i++ {
			to = max(to, found[i][1])
		}
		b.WriteString(text[end:from])
		b.WriteString(r.tokens(text[from:to]))
		end = to
	}
	b.WriteString(text[end:])
	return b.String()
}

// objects are the names that the kernel gives to what has no path, as in /proc/PID/fd, without what is between the
// brackets. Nobody can choose them.
var objects = regexp.MustCompile(`^((pipe|socket|mnt|net|pid|ipc|uts|user|cgroup|time|pid_for_children|` +
	`time_for_children):\[[0-9]{1,20}\]|[0-9]{1,20}:[0-9]{1,20}|anon_inode:\[?(eventfd|eventpoll|inotify|fanotify|` +
	`timerfd|signalfd|io_uring|pidfd|perf_event|userfaultfd|bpf-map|bpf-prog|bpf_link|btf)\]?)$`)

// tokens returns a text with tokens in place of its words: of a path each component is one, so that a directory has the
// same name in all paths below it. What the recorder writes into texts stays: that they were cut, or a file deleted.
func (r *replacer) tokens(text string) string {
	if len(text) > maxText {
		return r.token(text)
	}
	end := ""
	for _, suffix := range []string{" (deleted)", "…"} {
		if before, ok := strings.CutSuffix(text, suffix); ok {
			text, end = before, suffix+end
		}
	}
	if !strings.Contains(text, "/") {
		return r.token(text) + end
	}
	components := strings.Split(text, "/")
	for i, c := range components {
		components[i] = r.token(c)
	}
	return strings.Join(components, "/") + end
}

// token returns the token of a word.
func (r *replacer) token(word string) string {
	switch word {
	case "", ".", "..", "…":
		return word
	}
	n := tokenDigits
	if len(word) <= shortWord {
		n = shortDigits
	}
	return mark + digits.EncodeToString(r.sum("text", word))[:n]
}

// sum returns 32 bytes that only who has the key can compute. Those for different uses have nothing in common.
func (r *replacer) sum(use, text string) []byte {
	r.mac.Reset()
	r.mac.Write([]byte(use))
	r.mac.Write([]byte{0})
	r.mac.Write([]byte(text))
	return r.mac.Sum(nil)
}
