// SPDX-License-Identifier: Apache-2.0

package format

import "fmt"

// Strings is a column of UTF-8 texts in Arrow's layout: text i is
// Data[Offsets[i]:Offsets[i+1]], so len(Offsets) is one more than the texts.
// The zero value holds none.
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

// Append adds a text. Texts are valid UTF-8; whoever appends sees to it.
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

// check returns an error unless Bytes is safe for every text of s.
func (s *Strings) check() error {
	if err := checkOffsets(s.Offsets, len(s.Data)); err != nil {
		return fmt.Errorf("text %w", err)
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
