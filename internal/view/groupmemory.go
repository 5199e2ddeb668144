// SPDX-License-Identifier: Apache-2.0

package view

import (
	"context"
	"sync/atomic"

	"github.com/fletch-trace/fletch/internal/budget"
)

// groupMemory is the memory that the groups of all workers and results may take. New ones do not take all that is left,
// so that those that are there can grow.
type groupMemory struct {
	budget *budget.Budget
	taken  atomic.Int64
	left   int64 // that new groups may make of taken
}

func newGroupMemory(ctx context.Context) *groupMemory {
	b := budget.Of(ctx)
	return &groupMemory{budget: b, left: b.Share(8) * 3}
}

// What a group takes, with room for slices and tables to grow: in a level, in a result, and there for each key.
const (
	nodeBytes   = 96
	resultBytes = 224
	keyBytes    = 48
)

// takeGroup takes memory for a group and reports whether there was any.
func (m *groupMemory) takeGroup(bytes int64) bool {
	if m.taken.Load()+bytes > m.left || !m.budget.TryReserveMore(bytes) {
		return false
	}
	m.taken.Add(bytes)
	return true
}

// take takes memory and reports whether there was any.
func (m *groupMemory) take(bytes int64) bool {
	if !m.budget.TryReserve(bytes) {
		return false
	}
	m.taken.Add(bytes)
	return true
}

// release gives back all that was taken. The results of a view are the last that is read, or small.
func (m *groupMemory) release() { m.budget.Release(m.taken.Swap(0)) }

// taken counts bytes.
type taken int64

func (t *taken) add(bytes int) { *t += taken(bytes) }

// since returns the bytes that were added since the last call.
func (t *taken) since() int64 {
	n := *t
	*t = 0
	return int64(n)
}
