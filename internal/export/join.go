// SPDX-License-Identifier: Apache-2.0

package export

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
)

// joiner makes the joined columns of a table of one capture. Texts are numbers of a dictionary.
type joiner struct {
	dictionary *dictionary
	columns    []*capture.Accessor // all of the table; nil for the one that tells the captures apart
	numbers    [][]int32           // of the values of each, by their codes: number in the dictionary plus 1
	codes      []int32
}

func newJoiner(c *capture.Capture, columns []capture.Column, d *dictionary) (*joiner, error) {
	j := &joiner{dictionary: d, columns: make([]*capture.Accessor, len(columns)),
		numbers: make([][]int32, len(columns))}
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

// appendNumbers appends the numbers of the values of column i, which are texts.
func (j *joiner) appendNumbers(dst []int32, i int) []int32 {
	a := j.columns[i]
	j.codes = a.AppendCodes(j.codes[:0])
	numbers := j.numbers[i]
	for row, code := range j.codes {
		if code < 0 {
			dst = append(dst, j.dictionary.add(string(a.Text(row))))
			continue
		}
		if int(code) >= len(numbers) {
			numbers = append(numbers, make([]int32, max(int(code)+1, 2*len(numbers))-len(numbers))...)
		}
		if numbers[code] == 0 {
			numbers[code] = j.dictionary.add(string(a.Text(row))) + 1
		}
		dst = append(dst, numbers[code]-1)
	}
	j.numbers[i] = numbers
	return dst
}

// appendValues appends the values of column i of a batch, which are no texts.
func (j *joiner) appendValues(dst *format.Vector, i, rows int) {
	a := j.columns[i]
	for row := range rows {
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
