// SPDX-License-Identifier: Apache-2.0

package export

import (
	"strings"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
)

// joiner makes the joined columns of a table of one capture. Joined texts are numbers in a dictionary.
type joiner struct {
	dictionary    *dictionary
	columns       []*capture.Accessor // by column of the file; nil for captureColumn
	numbersByCode [][]int32           // by column, then by the value's code: dictionary number + 1; 0: not yet known
	codes         []int32
}

func newJoiner(c *capture.Capture, columns []capture.Column, d *dictionary) (*joiner, error) {
	j := &joiner{dictionary: d, columns: make([]*capture.Accessor, len(columns)),
		numbersByCode: make([][]int32, len(columns))}
	for i, column := range columns {
		if column.Name == "" {
			continue
		}
		a, err := c.Access(columns[i : i+1])
		if err != nil {
			return nil, err
		}
		j.columns[i] = a[0]
	}
	return j, nil
}

func (j *joiner) bind(b *format.Batch) {
	for _, a := range j.columns {
		if a != nil {
			a.Bind(b)
		}
	}
}

// forget forgets the numbers of a dictionary, which has been emptied.
func (j *joiner) forget() {
	for _, numbers := range j.numbersByCode {
		clear(numbers)
	}
}

// appendNumbers appends the dictionary numbers of column i, a column of text, for rows from, up to but without `to`, of
// the bound batch.
func (j *joiner) appendNumbers(dst []int32, i, from, to int) []int32 {
	a := j.columns[i]
	j.codes = a.AppendCodes(j.codes[:0], from, to)
	numbers := j.numbersByCode[i]
	for k, code := range j.codes {
		row := from + k
		if code < 0 {
			dst = append(dst, j.dictionary.add(a.Text(row)))
			continue
		}
		if int(code) >= len(numbers) {
			numbers = append(numbers, make([]int32, max(int(code)+1, 2*len(numbers))-len(numbers))...)
		}
		if numbers[code] == 0 {
			numbers[code] = j.dictionary.add(a.Text(row)) + 1
		}
		dst = append(dst, numbers[code]-1)
	}
	j.numbersByCode[i] = numbers
	return dst
}

// appendValues appends the values of column i, of any type but text, for rows from, up to but without `to`, of the
// bound batch.
func (j *joiner) appendValues(dst *format.Vector, i, from, to int) {
	a := j.columns[i]
	for row := from; row < to; row++ {
		switch v, at := a.At(row); v.Type {
		case format.Int32:
			dst.I32 = append(dst.I32, v.I32[at])
		case format.Int64, format.Timestamp:
			dst.I64 = append(dst.I64, v.I64[at])
		case format.StringList:
			appendTexts(&dst.Str, &v.Str, int(v.Rows[at]), int(v.Rows[at+1]))
			dst.Rows = append(dst.Rows, int32(dst.Str.Len()))
		}
	}
}

// dictionary numbers distinct texts from 0.
type dictionary struct {
	texts  []string         // by number; invalid UTF-8 is replaced
	number map[string]int32 // by text, unchanged
	bytes  int              // that it takes, about
}

// add returns the number of a text, a new one for a new text.
func (d *dictionary) add(text []byte) int32 {
	if n, ok := d.number[string(text)]; ok {
		return n
	}
	if d.number == nil {
		d.number = map[string]int32{}
	}
	n, s := int32(len(d.texts)), string(text)
	d.texts = append(d.texts, strings.ToValidUTF8(s, "\uFFFD"))
	d.number[s] = n
	d.bytes += len(s) + 64
	return n
}
