// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"sync"

	"github.com/fletch-trace/fletch/format"
)

// Counted returns a table without the rows that do not count, nil if the capture has no such table. Everything that
// reads rows reads this table. It lacks
//
//   - rows of a dimension whose id an earlier row has: each generation announces anew what it refers to;
//   - calls in flight, and processes and connections that are said to have been there at the end, where a later row
//     tells that it was not the end: of a dump, the recording went on;
//   - snapshots of a process or a connection of which an earlier row tells: each generation begins with one.
func (c *Capture) Counted(name string) (*format.Table, error) {
	t := c.Table(name)
	if t == nil {
		return nil, nil
	}
	c.mu.Lock()
	load := c.counted[name]
	if load == nil {
		load = sync.OnceValues(func() (*format.Table, error) {
			counted, err := c.count(t)
			if err != nil {
				return nil, fmt.Errorf("table %s: %w", name, err)
			}
			return counted, nil
		})
		c.counted[name] = load
	}
	c.mu.Unlock()
	return load()
}

// Rows is the number of rows of a table that count.
func (c *Capture) Rows(name string) (int64, error) {
	t, err := c.Counted(name)
	if t == nil {
		return 0, err
	}
	return t.Rows, nil
}

func (c *Capture) count(t *format.Table) (*format.Table, error) {
	switch s := t.Schema; {
	case isDimension(s):
		return c.firstRows(t)
	case s.Table == "pending":
		return c.inFlight(t)
	case s.Table == "process":
		return c.lives(t, processLives)
	case s.Table == "tcp":
		return c.lives(t, connectionLives)
	}
	return t, nil
}

// isDimension reports whether the first column of a table has the ids of its rows, also if this version does not know
// the table.
func isDimension(s *format.Schema) bool {
	id := s.Columns[0]
	return id.Name == s.Table && (id.Type == format.Int32 || id.Type == format.Int64)
}

// firstRows returns the table with the first row of each id.
func (c *Capture) firstRows(t *format.Table) (*format.Table, error) {
	ids := idSet{budget: c.budget}
	defer ids.release()
	var full bool
	name := t.Schema.Columns[0].Name
	first, err := t.Select(c.ctx, []string{name}, func(b *format.Batch, row int) bool {
		isNew, noMore := ids.add(idAt(b.Column(name), row))
		full = full || noMore
		return isNew
	})
	if full {
		return nil, c.budget.Exceeded("its ids are too far apart")
	}
	return first, err
}

// idAt returns a value of a column of integers.
func idAt(v *format.Vector, row int) int64 {
	if v.Type == format.Int32 {
		return int64(v.I32[row])
	}
	return v.I64[row]
}

// has reports whether the table has these columns, with these types.
func has(t *format.Table, columns ...format.Column) bool { return t.Schema.Check(columns...) == nil }
