// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"io"
	"slices"
)

// Format is a file format for tables.
type Format interface {
	Describe() Description
	// Write writes the header and all rows of a table to w.
	Write(w io.Writer, t *Table) error
}

// Description describes a format to the user.
type Description struct {
	Name      string // for --format
	Extension string // of its files, without the dot
	Help      string // one line, without a full stop
}

var formats = map[string]Format{} // by name

// register adds a format to formats. It returns a value so that each format can call it in a variable declaration.
func register(f Format) struct{} {
	formats[f.Describe().Name] = f
	return struct{}{}
}

// Lookup returns the format of that name, nil if there is none.
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
