// SPDX-License-Identifier: Apache-2.0

package capture

import "github.com/fletch-trace/fletch/format"

// Texts are one column of a dimension: the names of files, the containers of control groups.
type Texts struct{ rows *Rows }

// Texts are those of a column of a dimension that this program knows.
func (c *Capture) Texts(dimension, column string) (*Texts, error) {
	rows, err := c.Dimension(dimension).Load(format.Column{Name: column, Type: format.String})
	return &Texts{rows}, err
}

// Index is the row of an id, 0 where it is not known.
func (t *Texts) Index(id int64) int32 { return t.rows.Index(id) }

// At is the text of a row, "" of row 0.
func (t *Texts) At(row int32) string { return t.rows.Columns[0].Str.At(int(row)) }
