// SPDX-License-Identifier: Apache-2.0

package filter

import "github.com/fletch-trace/fletch/format"

// Env is what a filter joins rows with.
type Env struct {
	Dimensions Dimensions
	// CallName returns the name of a system call, or a text made of the number if it is unknown.
	CallName func(nr int32) string
}

// Dimensions are the tables that ids lead to.
type Dimensions interface {
	// Schema returns the schema of a dimension, nil if there is none of that name.
	Schema(dimension string) *format.Schema
	// Lookup returns a function that finds rows of a dimension with at least these columns of its schema. The function
	// is for one goroutine.
	Lookup(dimension string, columns []format.Column) (Lookup, error)
}

// Lookup finds the row of an id, in batch b, which is valid until the next call. The result of comparing the row is
// cached, so it must not change. If ok is false the id is unknown, and may be looked up again.
type Lookup func(id int64) (b *format.Batch, row int, ok bool)
