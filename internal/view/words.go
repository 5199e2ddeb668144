// SPDX-License-Identifier: Apache-2.0

package view

// words numbers texts from 0 on.
type words struct {
	list []string
	code map[string]uint64
}

func newWords() *words { return &words{code: map[string]uint64{}} }

// add is the number of a text, which may be a new one.
func (w *words) add(text []byte) uint64 {
	n, ok := w.code[string(text)]
	if !ok {
		n = uint64(len(w.list))
		w.list = append(w.list, string(text))
		w.code[w.list[n]] = n
	}
	return n
}

func (w *words) text(number uint64) string { return w.list[number] }
