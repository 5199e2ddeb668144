// SPDX-License-Identifier: Apache-2.0

package jsonline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r >= utf8.RuneSelf && (r != utf8.RuneError || size > 1) && strconv.IsPrint(r) {
			i += size
			continue
		}
		dst = appendRune(append(dst, s[from:i]...), r)
		i += size
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

func appendRune(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, '\\', 'n')
	case '\t':
		return append(dst, '\\', 't')
	case '\r':
		return append(dst, '\\', 'r')
	}
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return appendUnit(appendUnit(dst, high), low)
	}
	return appendUnit(dst, r)
}

func appendUnit(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// Write writes v as encoding/json does, but safe for a terminal, indented, and with a newline at the end.
func Write(w io.Writer, v any) error {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(safe(out.Bytes()))
	return err
}

// WriteArray writes n values as Write writes an array of them, but one after the other.
func WriteArray(w io.Writer, n int, value func(i int) any) error {
	if n == 0 {
		return Write(w, []any{})
	}
	out := bufio.NewWriterSize(w, 64<<10)
	out.WriteByte('[')
	for i := range n {
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		e.SetIndent("  ", "  ")
		if err := e.Encode(value(i)); err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n  ")
		if _, err := out.Write(safe(bytes.TrimSuffix(text.Bytes(), []byte("\n")))); err != nil {
			return err
		}
	}
	out.WriteString("\n]\n")
	return out.Flush()
}

// safe escapes the characters from DEL on that are not printable, which encoding/json does not. In JSON they can only
// be inside strings.
func safe(text []byte) []byte {
	var out []byte
	from := 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r >= 0x7f && !strconv.IsPrint(r) {
			out = appendRune(append(out, text[from:i]...), r)
			from = i + size
		}
		i += size
	}
	return append(out, text[from:]...)
}
