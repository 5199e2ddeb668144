// SPDX-License-Identifier: Apache-2.0

package filter

import "github.com/fletch-trace/fletch/format"

// Env is what a filter knows besides the rows that it looks at.
type Env struct {
	Dimensions Dimensions
	// CallName is the name of a system call, made up if it is unknown.
	CallName func(nr int32) string
}

// Dimensions are the tables to whose rows ids lead.
type Dimensions interface {
	// Schema is the shape of a dimension, nil if there is none of that name.
	Schema(dimension string) *format.Schema
	// Lookup gives a way to find rows of a dimension with at least these columns of its schema. Each goroutine has its
	// own.
	Lookup(dimension string, columns []format.Column) (Lookup, error)
}

// A Lookup finds the row of an id: the batch and its index there, both valid until the next call. An answer with ok is
// kept, so it must not change; an id that is unknown is asked for again.
type Lookup func(id int64) (b *format.Batch, row int, ok bool)
