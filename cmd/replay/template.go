// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// template is a text with {column} where a value goes.
type template struct {
	texts  []string // before each value, and behind the last
	values []*value
}

func newTemplate(c *columns, text string, times timeText) eventText {
	t := &template{}
	for {
		before, rest, found := strings.Cut(text, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			t.texts = append(t.texts, text)
			return t
		}
		if !c.has(name) {
			return nil
		}
		t.texts = append(t.texts, before)
		t.values = append(t.values, newValue(c, c.table.Columns[c.table.Index(name)], times))
		text = after
	}
}

func (t *template) Append(dst []byte, row int) []byte {
	for i, v := range t.values {
		dst = append(dst, t.texts[i]...)
		dst = v.Append(dst, row)
	}
	return append(dst, t.texts[len(t.values)]...)
}
