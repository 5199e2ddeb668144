// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"

	"github.com/fletch-trace/fletch/internal/budget"
)

// dictionary numbers distinct texts from 0, as many as there is memory for.
type dictionary struct {
	texts   []string // by number
	numbers map[string]uint64
	budget  *budget.Budget
}

// otherCode stands for all texts that there is no room for.
const otherCode = math.MaxUint64

// dictionaryBytes is what a text takes, besides its bytes.
const dictionaryBytes = 64

func newDictionary(b *budget.Budget) *dictionary {
	return &dictionary{numbers: map[string]uint64{}, budget: b}
}

// add returns the number of a text, a new one for a new text, or otherCode.
func (d *dictionary) add(text []byte) uint64 {
	n, ok := d.numbers[string(text)]
	if !ok {
		if !d.budget.TryReserveMore(int64(dictionaryBytes + len(text))) {
			return otherCode
		}
		n = uint64(len(d.texts))
		d.texts = append(d.texts, string(text))
		d.numbers[d.texts[n]] = n
	}
	return n
}

func (d *dictionary) text(number uint64) string { return d.texts[number] }
