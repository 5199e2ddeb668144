//go:build linux

// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/filter"
	"github.com/fletch-trace/fletch/internal/schema"
)

// An environment is what is known of the dimensions so far, as a trigger asks for it. It is for one goroutine.
type environment struct {
	dimension func(table string) *dimension // nil: nothing is known
	unknown   bool                          // an id was asked for that is not known (yet)
}

func (e *environment) Schema(name string) *format.Schema {
	if t := schema.Of(name); t != nil {
		return t.Schema
	}
	return nil
}

// Lookup finds rows by making them of the records that were announced.
func (e *environment) Lookup(name string, _ []format.Column) (filter.Lookup, error) {
	var d *dimension
	if e.dimension != nil {
		d = e.dimension(name)
	}
	if d == nil {
		return func(int64) (*format.Batch, int, bool) { return nil, 0, false }, nil
	}
	row := format.NewBatch(d.layout.Schema)
	return func(id int64) (*format.Batch, int, bool) {
		rec, ok := d.find(id)
		if !ok {
			e.unknown = e.unknown || id > 0
			return nil, 0, false
		}
		row.Reset()
		d.layout.Gather(row, rec, -1, 0)
		return row, 0, true
	}, nil
}
