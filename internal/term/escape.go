// SPDX-License-Identifier: Apache-2.0

package term

import (
	"strconv"
	"unicode/utf8"
)

// Escape makes s safe to print on a terminal. Control characters (C0, DEL, C1), bytes that are not UTF-8, and
// characters that are invisible or change the direction of text (bidirectional overrides, zero width, line separators)
// become \xNN, \uNNNN or \UNNNNNNNN. The result is one line.
func Escape(s string) string {
	if printableASCII(s) {
		return s
	}
	return string(AppendEscaped(make([]byte, 0, len(s)+16), s))
}

// AppendEscaped appends Escape(s) to dst.
func AppendEscaped[T string | []byte](dst []byte, s T) []byte {
	from := 0
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < 0x7f {
			i++
			continue
		}
		r, size := decode(s[i:])
		if (r != utf8.RuneError || size > 1) && strconv.IsPrint(r) {
			i += size
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = appendCode(dst, r, size, s[i])
		i += size
		from = i
	}
	return append(dst, s[from:]...)
}

func printableASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func decode[T string | []byte](s T) (rune, int) {
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}

func appendCode(dst []byte, r rune, size int, first byte) []byte {
	const hex = "0123456789abcdef"
	switch {
	case size == 1:
		return append(dst, '\\', 'x', hex[first>>4], hex[first&15])
	case r <= 0xffff:
		return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
	dst = append(dst, '\\', 'U')
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, hex[r>>shift&15])
	}
	return dst
}

// AppendQuoted appends s in quotes, escaped. Backslashes are not escaped, because the recorder already writes bytes
// that are not text as \x1b.
func AppendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i, c := range s {
		if c == '"' {
			dst = append(AppendEscaped(dst, s[from:i]), '\\', '"')
			from = i + 1
		}
	}
	return append(AppendEscaped(dst, s[from:]), '"')
}
