// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Source is a capture whose rows are grouped. Keys and aggregates are bound to it.
type Source struct {
	*capture.Capture
	Number int // index among the captures of the Input

	ctx      context.Context
	progress capture.Progress
	loaded   map[any]any // results of LoadOnce by id
}

// Budget is the memory of the program.
func (s *Source) Budget() *budget.Budget { return budget.Of(s.ctx) }

// LoadOnce returns the result of load, which is called once for each source and id, so that keys and workers can share
// it. Like the key of a context value, the id should have a type of the caller's own.
func LoadOnce[T any](s *Source, id any, load func() (T, error)) (T, error) {
	if loaded, ok := s.loaded[id]; ok {
		return loaded.(T), nil
	}
	loaded, err := load()
	if err == nil {
		s.loaded[id] = loaded
	}
	return loaded, err
}

// Read calls fn with the rows of another table of the capture, in their order, batch by batch. Only the named columns
// are read.
func (s *Source) Read(table string, names []string, fn func(b *format.Batch) error) error {
	scan := &capture.Scan{Capture: s.Capture, Table: table, Columns: schema.Of(table).Select(names...), Ordered: true,
		Progress: s.progress}
	return scan.Run(s.ctx, func(_ int, b *format.Batch) error { return fn(b) })
}
