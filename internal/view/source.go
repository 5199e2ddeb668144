// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/capture"
	"github.com/fletch-trace/fletch/internal/schema"
)

// Source is a capture whose rows are grouped, as keys and aggregates see it when they are made ready for it.
type Source struct {
	*capture.Capture
	Number int // of the captures of one view, from 0

	ctx      context.Context
	progress capture.Progress
	known    map[any]any
}

// Once is what load gives, which is called once for each capture and id. The id's type should be one of the caller's
// own.
func Once[T any](s *Source, id any, load func() (T, error)) (T, error) {
	if known, ok := s.known[id]; ok {
		return known.(T), nil
	}
	loaded, err := load()
	if err == nil {
		s.known[id] = loaded
	}
	return loaded, err
}

// Read calls fn with all rows of a table, in order. Names are those of its columns.
func (s *Source) Read(table string, names []string, fn func(b *format.Batch) error) error {
	scan := &capture.Scan{Capture: s.Capture, Table: table, Columns: schema.Of(table).Select(names...), Ordered: true,
		Progress: s.progress}
	return scan.Run(s.ctx, func(_ int, b *format.Batch) error { return fn(b) })
}
