// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"io"
	"slices"
)

// Format is a file format that tables are written in.
type Format interface {
	Describe() Description
	// Write writes the head and all rows of a table to w.
	Write(w io.Writer, t *Table) error
}

// Description is what there is to know of a format before it is used.
type Description struct {
	Name      string // as in --format
	Extension string // of its files, without the dot
	Help      string // a line, without a full stop
}

var formats = map[string]Format{}

// register makes a format known. It is called once for each, when the package is initialized.
func register(f Format) struct{} {
	formats[f.Describe().Name] = f
	return struct{}{}
}

// Lookup is the format of a name, nil where there is none.
func Lookup(name string) Format { return formats[name] }

// Formats describes all formats, sorted by name.
func Formats() []Description {
	var all []Description
	for _, f := range formats {
		all = append(all, f.Describe())
	}
	slices.SortFunc(all, func(a, b Description) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
