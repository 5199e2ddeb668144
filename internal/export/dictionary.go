// SPDX-License-Identifier: Apache-2.0

package export

import "strings"

// dictionary numbers texts.
type dictionary struct {
	texts  []string
	number map[string]int32
}

func (d *dictionary) add(text string) int32 {
	if n, ok := d.number[text]; ok {
		return n
	}
	if d.number == nil {
		d.number = map[string]int32{}
	}
	n := int32(len(d.texts))
	d.texts = append(d.texts, strings.ToValidUTF8(text, "\uFFFD"))
	d.number[text] = n
	return n
}
