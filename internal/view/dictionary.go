// SPDX-License-Identifier: Apache-2.0

package view

// dictionary numbers distinct texts from 0.
type dictionary struct {
	texts   []string // by number
	numbers map[string]uint64
}

func newDictionary() *dictionary { return &dictionary{numbers: map[string]uint64{}} }

// add returns the number of a text, a new one for a new text.
func (d *dictionary) add(text []byte) uint64 {
	n, ok := d.numbers[string(text)]
	if !ok {
		n = uint64(len(d.texts))
		d.texts = append(d.texts, string(text))
		d.numbers[d.texts[n]] = n
	}
	return n
}

func (d *dictionary) text(number uint64) string { return d.texts[number] }
