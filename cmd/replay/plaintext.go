// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// plainText is the text of tables that have none of their own: the table's name, and the columns with their values as a
// person reads them.
//
//	disk device="sda" sector=-1 wait=0.000013000s ret=-1 EIO (Input/output error)
type plainText struct {
	table  string
	names  []string
	values []*value
}

func newPlainText(c *columns, times timeText) eventText {
	t := &plainText{table: c.table.Table}
	for _, column := range c.table.Columns {
		if column.Name == "ts" || column.Name == "cpu" || column.Name == "task" {
			continue // in front of the text
		}
		v := newValue(c, column, times)
		v.quote = true
		name := column.Name
		if v.unit != "" { // which the value has
			name = strings.TrimSuffix(name, "_ns")
		}
		t.names, t.values = append(t.names, name), append(t.values, v)
	}
	return t
}

func (t *plainText) Append(dst []byte, row int) []byte {
	dst = append(dst, t.table...)
	for i, v := range t.values {
		dst = append(append(append(dst, ' '), t.names[i]...), '=')
		dst = v.Append(dst, row)
	}
	return dst
}
