// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Strings is a column of UTF-8 texts in Arrow's layout: text i is
// Data[Offsets[i]:Offsets[i+1]], so Offsets has one element more than there are
// texts. The zero value has no texts.
type Strings struct {
	Offsets []int32
	Data    []byte
}

// Len returns the number of texts.
func (s *Strings) Len() int { return max(len(s.Offsets)-1, 0) }

// Bytes returns text i, valid until the Strings are reset or read into.
func (s *Strings) Bytes(i int) []byte { return s.Data[s.Offsets[i]:s.Offsets[i+1]] }

// At returns a copy of text i.
func (s *Strings) At(i int) string { return string(s.Bytes(i)) }

// Append adds a text. The caller ensures that it is valid UTF-8.
func (s *Strings) Append(v string) {
	if len(s.Offsets) == 0 {
		s.Offsets = append(s.Offsets, 0)
	}
	s.Data = append(s.Data, v...)
	s.Offsets = append(s.Offsets, int32(len(s.Data)))
}

// Reset empties s and keeps its memory.
func (s *Strings) Reset() {
	s.Offsets = append(s.Offsets[:0], 0)
	s.Data = s.Data[:0]
}

// check returns an error unless Bytes can be called for every text of s.
func (s *Strings) check() error {
	if err := checkOffsets(s.Offsets, len(s.Data)); err != nil {
		return fmt.Errorf("text %w", err)
	}
	longest := int32(0)
	for i, end := range s.Offsets[1:] {
		longest = max(longest, end-s.Offsets[i])
	}
	if longest > MaxText {
		return fmt.Errorf("text of %d bytes, more than %d", longest, MaxText)
	}
	return nil
}

// checkOffsets returns an error unless offsets ascend from 0 or more to at most n.
func checkOffsets(offsets []int32, n int) error {
	if len(offsets) == 0 {
		return fmt.Errorf("offsets missing")
	}
	prev := int32(0)
	for i, o := range offsets {
		if o < prev {
			return fmt.Errorf("offset %d: %d after %d", i, o, prev)
		}
		prev = o
	}
	if int64(prev) > int64(n) {
		return fmt.Errorf("offset %d: %d beyond %d", len(offsets)-1, prev, n)
	}
	return nil
}

// keep removes in place the texts of all rows except the given ones, whose
// numbers ascend. Row i has the texts lists[i] to lists[i+1], or text i when
// lists is nil.
func (s *Strings) keep(rows, lists []int32) {
	n, end := 0, int32(0)
	for _, row := range rows {
		from, to := row, row+1
		if lists != nil {
			from, to = lists[row], lists[row+1]
		}
		for i := from; i < to; i++ {
			// Texts only move towards the front, so this overwrites none that is still needed.
			first, last := s.Offsets[i], s.Offsets[i+1]
			copy(s.Data[end:], s.Data[first:last])
			s.Offsets[n] = end
			n, end = n+1, end+last-first
		}
	}
	s.Offsets[n] = end
	s.Offsets, s.Data = s.Offsets[:n+1], s.Data[:end]
}

// MakeValid replaces bytes that are not valid UTF-8 by U+FFFD. If all texts are
// valid it neither changes nor copies anything.
func (s *Strings) MakeValid() {
	if s.valid() {
		return
	}
	var replaced Strings
	replaced.Reset()
	for i := range s.Len() {
		replaced.Data = append(replaced.Data, bytes.ToValidUTF8(s.Bytes(i), []byte("\uFFFD"))...)
		replaced.Offsets = append(replaced.Offsets, int32(len(replaced.Data)))
	}
	*s = replaced
}

// valid reports whether every text is valid UTF-8: their concatenation is, and
// none begins inside a character.
func (s *Strings) valid() bool {
	n := s.Len()
	if n == 0 {
		return true
	}
	first, last := s.Offsets[0], s.Offsets[n]
	if ascii(s.Data[first:last]) {
		return true
	}
	if !utf8.Valid(s.Data[first:last]) {
		return false
	}
	for _, at := range s.Offsets {
		if at < last && !utf8.RuneStart(s.Data[at]) {
			return false
		}
	}
	return true
}

// ascii reports whether b is ASCII, as most texts of a capture are.
func ascii(b []byte) bool {
	union := uint64(0)
	for ; len(b) >= 8; b = b[8:] {
		union |= binary.LittleEndian.Uint64(b)
	}
	for _, c := range b {
		union |= uint64(c)
	}
	return union&0x8080808080808080 == 0
}
