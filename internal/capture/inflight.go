// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"math"
	"sync"

	"github.com/fletch-trace/fletch/format"
	"github.com/fletch-trace/fletch/internal/budget"
)

// flightBytes is what a flight takes with its entry in a map.
const flightBytes = 96

// flight is the last call in flight of a task.
type flight struct {
	ts       int64
	row      int64 // in the table
	returned bool
}

// inFlight returns the table pending without the calls that returned: a task that has a later call, in flight or not,
// is no longer in it.
func (c *Capture) inFlight(t *format.Table) (*format.Table, error) {
	columns := []format.Column{{Name: "ts", Type: format.Timestamp}, {Name: "task", Type: format.Int32}}
	if !has(t, columns...) {
		return t, nil
	}
	names := []string{"ts", "task"}
	last, memory := map[int32]*flight{}, c.budget.Account("the calls in flight of all tasks")
	defer memory.Release()
	first, row := int64(math.MaxInt64), int64(0)
	err := t.Scan(c.ctx, names, 1, func(_ int, b *format.Batch) error {
		for i, task := range b.Column("task").I32 {
			if i%budget.AccountStep == 0 {
				if err := memory.Set(flightBytes * int64(len(last)+budget.AccountStep)); err != nil {
					return err
				}
			}
			ts := b.Column("ts").I64[i]
			switch known := last[task]; {
			case task == 0: // several tasks that are not known
			case known == nil:
				last[task] = &flight{ts: ts, row: row}
			case ts > known.ts:
				known.ts, known.row = ts, row
			}
			first = min(first, ts)
			row++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if calls := c.Table("syscall"); calls != nil && len(last) > 0 && has(calls, columns...) {
		if err := markReturned(c.ctx, calls.Between(first, math.MaxInt64), last); err != nil {
			return nil, err
		}
	}
	row = -1
	return t.Select(c.ctx, names, func(b *format.Batch, i int) bool {
		row++
		known := last[b.Column("task").I32[i]]
		return known == nil || known.row == row && !known.returned
	})
}

// markReturned marks the calls in flight of tasks that have a row of the same call, or a later one.
func markReturned(ctx context.Context, calls *format.Table, last map[int32]*flight) error {
	// Few of the tasks are in a call, and most rows are of the others.
	var maybe [1 << 10]uint64
	for task := range last {
		maybe[task>>6&(1<<10-1)] |= 1 << (task & 63)
	}
	var mu sync.Mutex
	return calls.Scan(ctx, []string{"ts", "task"}, budget.Of(ctx).Workers(), func(_ int, b *format.Batch) error {
		ts := b.Column("ts").I64
		for i, task := range b.Column("task").I32 {
			if maybe[task>>6&(1<<10-1)]>>(task&63)&1 == 0 {
				continue
			}
			if f := last[task]; f != nil && ts[i] >= f.ts {
				mu.Lock()
				f.returned = true
				mu.Unlock()
			}
		}
		return nil
	})
}
